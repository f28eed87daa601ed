/** Which way a connection goes. */
export type Reach = 'loopback' | 'private' | 'public';

/** Where a host is, by its name alone: nothing is looked up. A name without a dot, or of a cluster, is private. */
export function reachOf(host: string): Reach {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare === 'localhost' || bare === '::1' || /^127\.\d+\.\d+\.\d+$/.test(bare)) return 'loopback';
  if (/^(?:10\.|192\.168\.|169\.254\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(bare)) return 'private';
  if (/^(?:f[cd][0-9a-f]{2}:|fe80:)/.test(bare)) return 'private';
  if (!bare.includes('.') && !bare.includes(':')) return 'private';
  return /\.(?:svc|local|internal|lan|cluster\.local|svc\.cluster\.local)$/.test(bare) ? 'private' : 'public';
}

export function isAddress(host: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':');
}
