/** What a server's error reply may begin with and is worth telling. */
const serverFaults = new Set([
  'ASK',
  'BUSY',
  'CLUSTERDOWN',
  'CROSSSLOT',
  'ERR',
  'LOADING',
  'MASTERDOWN',
  'MISCONF',
  'MOVED',
  'NOAUTH',
  'NOPERM',
  'NOREPLICAS',
  'OOM',
  'READONLY',
  'TRYAGAIN',
  'WRONGPASS',
]);

const fixes: Readonly<Record<string, string>> = {
  NOAUTH: 'the server wants a password: put user:password@ into the cache url',
  WRONGPASS: 'user or password of the cache url are wrong, or the user is off',
  NOPERM: 'the user of the cache url may not do this: see "ACL" in docs/operations.md',
  OOM: 'the server is full and evicts nothing: give it memory, or maxmemory-policy allkeys-lfu',
  READONLY: 'this is a replica: name the master, or use redis-sentinel://',
  MISCONF: 'the server cannot write its own files and refuses writes: look at its log',
  LOADING: 'the server is starting; nothing to do',
  CLUSTERDOWN: 'the cluster has lost a master without a replica: look at CLUSTER INFO',
  MOVED: 'the server is part of a cluster: use redis-cluster://',
  NO_SUCH_DATABASE: 'the server has no database of this number, or the user may not select it',
  NO_CLUSTER: 'none of the hosts is part of a cluster with slots: use redis://, or set the cluster up',
  NO_SUCH_MASTER: 'the sentinels watch no master of this name: look at sentinel.conf',
  NO_SENTINEL: 'none of the sentinels answers: look at the hosts of the cache url',
  CA_FILE_UNREADABLE: 'the file of `ca` in the cache url cannot be read',
  CERT_FILE_UNREADABLE: 'the file of `cert` in the cache url cannot be read',
  KEY_FILE_UNREADABLE: 'the file of `key` in the cache url cannot be read',
  ENOTFOUND: 'no such host: look at the cache url',
  ECONNREFUSED: 'nothing listens there: start the server, or look at host and port of the cache url',
  ETIMEDOUT: 'no answer: is it reachable, and does it speak TLS exactly where the cache url says rediss?',
  UNEXPECTED_REPLY: 'what listens there does not speak like Redis, or speaks TLS (use rediss)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server speaks no TLS on this port: use redis://, or its TLS port',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name: set servername in the cache url',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server wants a client certificate: set cert and key in the cache url',
};

const unknownSigner = 'the certificate is signed by nobody known: set ca in the cache url to the PEM file of who did';

/**
 * A short, bounded reason for the log. Never the message: servers repeat the arguments of what they refuse (the
 * password of AUTH), and the client's errors carry the command.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'ReplyError') {
    const word = error.message.split(' ', 1)[0] ?? '';
    return serverFaults.has(word) ? word : 'error_reply';
  }
  if ('code' in error && typeof error.code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(error.code)) return error.code;
  if (error.message === 'timeout' || error.message === 'Command timed out') return 'timeout';
  return 'connection_closed';
}

/** What an operator does about it. */
export function fixFor(reason: string): string {
  if (/SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/.test(reason)) return unknownSigner;
  return fixes[reason] ?? 'look at the server and at the network between';
}

/** Nothing that passes by itself: somebody has to change the configuration here or there. */
export function isRefusal(reason: string): boolean {
  return /^(NOAUTH|WRONGPASS|NOPERM|NO_|ERR_TLS|ERR_SSL|[A-Z]+_FILE_UNREADABLE|.*SELF_SIGNED|UNABLE_TO_)/.test(reason);
}

/** An error of our own that {@link reasonOf} names. */
export function faultNamed(code: 'NO_CLUSTER' | 'NO_SUCH_MASTER' | 'NO_SENTINEL' | 'timeout'): Error {
  return Object.assign(new Error(code), { code });
}
