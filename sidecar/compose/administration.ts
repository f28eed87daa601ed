import type { Config } from '../config/config.ts';
import { parseDuration } from '../config/units.ts';
import { CredentialFlowError } from '../core/error.ts';
import type { Clock, Log, Store } from '../core/ports.ts';
import { resourceKinds, type ResourceRecord, type TokenRecord } from '../core/resources.ts';
import { Secret } from '../core/secret.ts';
import type { AdminDeps, AppliedText, ApplyTextOptions } from '../http/admin/ports.ts';
import { createAdminServer } from '../http/admin-server.ts';
import type { MakeServer } from '../http/hardened-server.ts';
import { defaultGatewayId, withNewKey } from '../keys/default-gateway.ts';
import type { KeyAdministration } from '../keys/key-administration.ts';
import { newAccessKey, writeKeyFile, type LoadedKeys } from '../keys/key-files.ts';
import { backupPurpose, type Keyring } from '../keys/keyring.ts';
import { randomBase62 } from '../keys/random-text.ts';
import { tokenTagPurpose } from '../keys/token-tags.ts';
import type { Metrics } from '../ops/metrics.ts';
import { resourceDeps } from '../resource-deps.ts';
import { parseResourceBody, toResourceBody } from '../resources/parse-body.ts';
import { parseInProcess } from '../resources/parse-in-process.ts';
import type { Parsers } from '../resources/parsers.ts';
import { toDocument } from '../resources/to-document.ts';
import { sealBackup } from '../stores/backup-file.ts';
import { mintToken } from '../token-validators/opaque-token.ts';
import { sha256 } from './hashing.ts';
import { readOpenApi } from './package-files.ts';
import { pages } from './pages.ts';
import { createBudgetJudges, readBeside } from './stored-budgets.ts';

export interface AdministrationDeps {
  /** Of the listener; undefined: plain HTTP. */
  readonly makeServer: MakeServer | undefined;
  readonly store: Store;
  readonly parsers: Parsers;
  readonly keys: LoadedKeys;
  readonly keyring: Keyring;
  readonly keyAdministration: KeyAdministration;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  readonly healthOf: AdminDeps['healthOf'];
  readonly explanations: AdminDeps['explanations'];
  readonly status: AdminDeps['status'];
}

const parseTimeoutMs = 120_000;

/** The admin API, wired. Not listening yet. */
export function createAdministration(config: Config, deps: AdministrationDeps): ReturnType<typeof createAdminServer> {
  const { store, keys, keyring, metrics, clock, log } = deps;
  return createAdminServer(
    {
      listen: config.listen.admin,
      makeServer: deps.makeServer,
      adminKeyHash: sha256(keys.admin.reveal()),
      tokens: config.tokens,
    },
    {
      store,
      clock,
      log,
      parseBody: (kind, body) => parseResourceBody(kind, body, resourceDeps),
      toBody: toResourceBody,
      ...createBudgetJudges(store),
      applyText: (text, options) => applyText(text, options, clock.now() + config.tokens.maxTtlMs, deps),
      exportDocument: () => exportDocument(store),
      mintToken: () => mintToken({ keyId: keyring.current, tagKey: keyring.derive(tokenTagPurpose), randomBase62 }),
      sealSecret: async (plaintext, binding) => ({ from: 'sealed', value: await keyring.seal(plaintext, binding) }),
      sealingKey: () => keyring.sealingKey(),
      async takeBackup(actor) {
        const createdAt = new Date(clock.now()).toISOString();
        await store.setMeta('last_backup', createdAt, actor);
        const keyVersion = keyring.current;
        return sealBackup(await store.dump(), { keyVersion, key: keyring.derive(backupPurpose), createdAt });
      },
      keys: deps.keyAdministration,
      explanations: deps.explanations,
      mintGatewayKey() {
        const key = newAccessKey('gateway');
        return { key: new Secret(key), sha256: sha256(key) };
      },
      withNewGatewayKey: withNewKey,
      keepGatewayKey(gatewayId, key) {
        const hasFile = gatewayId === defaultGatewayId && keys.sources.gateway === 'file';
        if (hasFile) writeKeyFile(config.dataDir, 'gateway', key);
        return Promise.resolve(hasFile);
      },
      healthOf: deps.healthOf,
      openApi: readOpenApi,
      status: deps.status,
      parseDuration,
      observe: ({ method, status }) => {
        metrics.adminRequest(method, status);
      },
    },
  );
}

/** Parsed in a process of its own, like a file: a large document must not hold up decisions. */
async function applyText(
  text: string,
  options: ApplyTextOptions,
  tokensEndByMs: number,
  deps: AdministrationDeps,
): Promise<AppliedText> {
  const { file, owner } = options;
  const beside = await readBeside(deps.store, options.prune ? owner : undefined);
  const job = { file, owner, text, beside, tokensEndByMs, parsers: deps.parsers, timeoutMs: parseTimeoutMs };
  const parsed = await parseInProcess(job, deps.clock);
  if (!('chunks' in parsed)) throw new CredentialFlowError('bad_request', parsed.message);
  try {
    const { problems, refusal } = parsed;
    if (refusal !== undefined) throw new CredentialFlowError(refusal, undefined, { problems });
    const report = await deps.store.apply(parsed.chunks, options);
    return { report, warnings: problems };
  } finally {
    await parsed.close();
  }
}

/** Everything but the default gateway, which each installation makes of its own key. */
async function exportDocument(store: Store): Promise<string> {
  const records: ResourceRecord[] = [];
  for (const kind of resourceKinds) {
    for await (const page of pages((range) => store.listResources(kind, range))) {
      records.push(...page);
    }
  }
  const tokens: TokenRecord[] = [];
  for await (const page of pages((range) => store.listTokens({}, range))) tokens.push(...page);
  const isDefault = (record: ResourceRecord): boolean =>
    record.kind === 'gateway' && record.id === defaultGatewayId && record.owner === 'api';
  return toDocument(
    records.filter((record) => !isDefault(record)),
    tokens,
  );
}
