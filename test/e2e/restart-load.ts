/** Load on a sidecar that is being replaced: clients that keep their connections, as the gateway does, and ones that open new ones. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { Secret } from '../../sidecar/core/secret.ts';
import { createKeyring } from '../../sidecar/keys/keyring.ts';
import { randomBase62 } from '../../sidecar/keys/random-text.ts';
import { mintToken } from '../../sidecar/token-validators/opaque-token.ts';

export const gatewayKey = 'gateway-key-for-the-restart-test-0123456789';
export const masterKey = Buffer.alloc(32, 7).toString('base64');
const keyring = createKeyring([{ version: 'k1', key: new Secret(new Uint8Array(32).fill(7)) }]);
const minted = mintToken({ keyId: 'k1', tagKey: keyring.derive('token-tag'), randomBase62 });

export const resources = `
upstreams: [{ id: api, preset: generic, base_url: "https://api.example.test", prefix: /api }]
credentials: [{ id: c, upstream: api, secret: { from: env, name: RESTART_SECRET } }]
consumers: [{ id: team, owner: team@example.test }]
policies: [{ id: all, effect: allow, consumers: [team], upstreams: [api] }]
tokens: [{ consumer: team, sha256: "${minted.sha256}", expires_at: ${new Date(Date.now() + 86_400_000).toISOString()} }]
`;

export interface Tally {
  allowed: number;
  /** Nothing listened: the connection was refused before a byte was sent. */
  refused: number;
  /** A new connection was in the kernel's queue when its listener closed. */
  reset: number;
  readonly failed: string[];
}

/** Asks over and over until `stop`; each client of its own waits for its answer before it asks again. */
export function load(port: number, clients: { readonly keeping: number; readonly opening: number }) {
  const tally: Tally = { allowed: 0, refused: 0, reset: 0, failed: [] };
  const keeping = new Agent({ keepAlive: true, maxSockets: clients.keeping });
  const opening = new Agent({ keepAlive: false });
  let stopped = false;
  const run = async (agent: Agent, pauseMs: number): Promise<void> => {
    while (!stopped) {
      const outcome = await ask(port, agent);
      if (outcome === 200) tally.allowed += 1;
      else if (outcome === 'ECONNREFUSED') tally.refused += 1;
      // A new connection that the kernel had taken and nobody will any more: the same moment, told another way.
      else if (outcome === 'new connection reset') tally.reset += 1;
      else tally.failed.push(String(outcome));
      await new Promise((resolve) => setTimeout(resolve, outcome === 'ECONNREFUSED' ? 5 : pauseMs));
    }
  };
  const runs = [
    ...Array.from({ length: clients.keeping }, () => run(keeping, 1)),
    ...Array.from({ length: clients.opening }, () => run(opening, 10)),
  ];
  return {
    tally,
    async stop() {
      stopped = true;
      await Promise.all(runs);
      keeping.destroy();
    },
  };
}

function ask(port: number, agent: Agent): Promise<number | string> {
  return new Promise((resolve) => {
    const headers = {
      'x-cf-gateway-key': gatewayKey,
      'x-cf-route': 'api',
      'x-forwarded-method': 'GET',
      'x-forwarded-uri': '/api/x',
      'x-cf-raw-uri': '/api/x',
      authorization: `Bearer ${minted.token.reveal()}`,
    };
    const req = request({ host: '127.0.0.1', port, path: '/api/auth', agent, headers, timeout: 5_000 }, (res) => {
      res.resume();
      res.on('end', () => {
        resolve(res.statusCode ?? 0);
      });
    });
    req.on('timeout', () => req.destroy(new Error('no answer within 5 s')));
    req.on('error', (error: NodeJS.ErrnoException) => {
      resolve(
        error.code === 'ECONNRESET' && !req.reusedSocket ? 'new connection reset' : (error.code ?? error.message),
      );
    });
    req.end();
  });
}

/** What was applied a moment ago is decided on a moment later. */
export async function untilAllowed(port: number): Promise<void> {
  const agent = new Agent({ keepAlive: false });
  for (let i = 0; i < 200; i++) {
    if ((await ask(port, agent)) === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail('nothing is allowed within 5 s');
}

export async function allowedMore(tally: Tally, count: number): Promise<void> {
  const target = tally.allowed + count;
  for (let i = 0; i < 400 && tally.allowed < target; i++) await new Promise((resolve) => setTimeout(resolve, 25));
  assert.ok(tally.allowed >= target, `only ${String(tally.allowed)} of ${String(target)} allowed`);
}
