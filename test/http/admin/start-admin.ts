/** The admin API on port 0, over a real SQLite store in memory and the real reader of resources. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { createAdminServer } from '../../../sidecar/http/admin-server.ts';
import type { AdminOptions } from '../../../sidecar/http/admin-server.ts';
import { listen } from '../../../sidecar/http/listen.ts';
import { systemClock } from '../../../sidecar/ops/clock.ts';
import type { AdminDeps } from '../../../sidecar/http/admin/ports.ts';
import { createBudgetJudges } from '../../../sidecar/compose/stored-budgets.ts';
import { readOpenApi } from '../../../sidecar/compose/package-files.ts';
import { parseDuration } from '../../../sidecar/config/units.ts';
import { withNewKey } from '../../../sidecar/keys/default-gateway.ts';
import { CredentialFlowError } from '../../../sidecar/core/error.ts';
import type { Log, Store } from '../../../sidecar/core/ports.ts';
import { Secret } from '../../../sidecar/core/secret.ts';
import type { ResourceDeps } from '../../../sidecar/resources/kind.ts';
import { parseResourceBody, toResourceBody } from '../../../sidecar/resources/parse-body.ts';
import { parseResources } from '../../../sidecar/resources/parse.ts';
import { toDocument } from '../../../sidecar/resources/to-document.ts';
import { openStore } from '../../../sidecar/stores/index.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { sha256, testPreset } from '../../support/deciding.ts';

export const adminKey = 'admin-key-of-the-tests-at-least-32-characters';
const resourceDeps: ResourceDeps = {
  presets: new Map([[testPreset.id, testPreset]]),
  issuerPresets: new Map(),
  secretKinds: () => [],
  injectedHeaders: () => [],
  conditionProblems: () => [],
};

/** What the answers hold, all of them taken together. */
export interface AnswerBody {
  readonly id: string;
  readonly kind: string;
  readonly owner: string;
  readonly disabled: boolean;
  readonly revision: number;
  readonly spec: {
    readonly owner?: string;
    readonly groups?: readonly string[];
    readonly headers?: unknown;
    readonly secret?: { readonly from: string; readonly value?: string };
    readonly keys?: readonly { readonly sha256: string; readonly expires_at?: string }[];
    readonly retired_keys?: readonly string[];
  };
  readonly items: readonly { readonly id: string; readonly [field: string]: unknown }[];
  readonly next: string | null;
  readonly code: string;
  readonly detail: string;
  readonly errors: readonly { readonly severity: string; readonly path?: string; readonly line?: number }[];
  readonly token: string;
  readonly description: string;
  readonly state: string;
  readonly expires_at: string;
  readonly revoked_at: string;
  readonly rotated_from: string;
  readonly previous: { readonly sha256: string; readonly expires_at: string };
  readonly key: string;
  readonly sha256: string;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly dry_run: boolean;
  readonly document: string;
  readonly public_key: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: AnswerBody;
}

export interface RunningAdmin {
  readonly port: number;
  readonly store: Store;
  readonly clock: FakeClock;
  /** Everything that was logged, as JSON lines. */
  readonly logged: string[];
  readonly observed: { readonly route: string; readonly status: number }[];
  readonly keptKeys: string[];
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  close(): Promise<void>;
}

export async function startAdmin(
  options: Partial<AdminOptions> & { readonly readOnly?: boolean } = {},
  deps: Partial<AdminDeps> = {},
): Promise<RunningAdmin> {
  const clock = createFakeClock();
  const logged: string[] = [];
  const log = createMemoryLog(logged);
  const observed: { route: string; status: number }[] = [];
  const keptKeys: string[] = [];
  const store = await openStore(
    'sqlite::memory:',
    { readOnlyBecauseOfFiles: options.readOnly === true },
    { clock, log },
  );
  const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const { server } = createAdminServer(
    {
      listen: address,
      adminKeyHash: sha256(adminKey),
      tokens: { defaultTtlMs: 90 * 86_400_000, maxTtlMs: 365 * 86_400_000 },
      ...options,
    },
    {
      ...createDeps(store, clock, log),
      keepGatewayKey: async (_id, key) => keptKeys.push(key.reveal()) > 0,
      observe: ({ route, status }) => void observed.push({ route, status }),
      ...deps,
    },
  );
  const listener = await listen(server, address, {}, { clock: systemClock });
  const port = Number(listener.address.split(':').at(-1));
  return {
    port,
    store,
    clock,
    logged,
    observed,
    keptKeys,
    async call(method, path, body, headers = {}) {
      const content = typeof body === 'string' ? body : JSON.stringify(body);
      const response = await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: content }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: (isJson ? JSON.parse(text) : {}) as AnswerBody,
      };
    },
    async close() {
      server.closeIdleConnections();
      await listener.drain(100);
      await store.close();
    },
  };
}

function createDeps(store: Store, clock: FakeClock, log: Log): AdminDeps {
  return {
    store,
    clock,
    log,
    parseBody: (kind, body) => parseResourceBody(kind, body, resourceDeps),
    toBody: toResourceBody,
    ...createBudgetJudges(store),
    async applyText(text, { owner, file, prune, allowPrune, dryRun, actor }) {
      const { mutations, problems } = parseResources(text, file, resourceDeps);
      if (mutations.length === 0) throw new CredentialFlowError('resource_invalid', undefined, { problems });
      const owned = mutations.map((mutation) =>
        mutation.op === 'put' ? { ...mutation, owner } : { ...mutation, token: { ...mutation.token, owner } },
      );
      const report = await store.apply([owned], { owner, actor, prune, allowPrune, dryRun });
      return { report, warnings: problems };
    },
    async exportDocument() {
      const records = [];
      for await (const chunk of (await store.readAll()).chunks) records.push(...chunk);
      return toDocument(records, await store.listTokens({}));
    },
    mintToken() {
      const token = `cf_test_${randomBytes(24).toString('base64url')}`;
      return { id: `tok_${sha256(token).slice(0, 24)}`, token: new Secret(token), sha256: sha256(token) };
    },
    sealSecret: (plaintext, binding) => ({
      from: 'sealed',
      value: createHash('sha256').update(binding).update(plaintext.reveal()).digest('hex'),
    }),
    sealingKey: () => ({ id: 'k1', public_key: 'not-secret' }),
    takeBackup: async () => Readable.from([Buffer.from('backup')]),
    keys: {
      list: async () => ({ current: 'k1', versions: [] }),
      rotate: async (supplied) => ({ version: 'k2', made: supplied === undefined }),
      rewrap: async () => ({ next: undefined }),
      retire: async (version) => ({ version, removed: true }),
    },
    explanations: {
      isReadable: (name) => name === 'x-tenant',
      explain: async ({ token: _token, ...asked }) => asked,
      explainDecision: async (id) => ({ then: id }),
      decisions: (limit) => [{ limit }],
    },
    mintGatewayKey() {
      const key = randomBytes(24).toString('hex');
      return { key: new Secret(key), sha256: sha256(key) };
    },
    withNewGatewayKey: withNewKey,
    keepGatewayKey: async () => false,
    healthOf: () => ({ state: 'ok' }),
    openApi: readOpenApi,
    status: () => ({ ready: true }),
    parseDuration,
  };
}

function createMemoryLog(lines: string[]): Log {
  const write = (level: string) => (event: string, fields?: Readonly<Record<string, unknown>>) => {
    const error = fields?.['error'];
    lines.push(JSON.stringify({ level, event, ...fields, ...(error instanceof Error ? { error: error.stack } : {}) }));
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
