import { resolve } from 'node:path';
import { CredentialFlowError } from '../core/error.ts';
import type { HttpReader } from '../gateway/lint/live/http.ts';
import type { LiveConfiguration } from '../gateway/lint/live/read-gateway.ts';
import type { SchemaCheck } from '../gateway/lint/schema/validate.ts';
import { readAdminKey, warnAboutClearText } from './apisix-target.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { readInput } from './lint-inputs.ts';
import type { Terminal } from './terminal.ts';

export interface LiveOptions {
  readonly admin?: string;
  readonly adminKeyFile?: string;
  readonly control?: string;
  readonly schema?: string;
}

export interface LiveInputs {
  readonly configurations: readonly LiveConfiguration[];
  readonly schemas: SchemaCheck | undefined;
}

/** Asks running gateways for what they are told to do, and for their schemas. */
export async function readLive(
  { admin, adminKeyFile, control, schema }: LiveOptions,
  terminal: Terminal,
): Promise<LiveInputs> {
  const { readAdminApi, readControlApi } = await import('../gateway/lint/live/read-gateway.ts');
  const { createHttpClient } = await import('../ops/http-client.ts');
  const client = createHttpClient();
  const http: HttpReader = { get: (url, headers = {}) => client.request({ method: 'GET', url, headers }) };
  const configurations: LiveConfiguration[] = [];
  try {
    if (admin !== undefined) {
      const url = checkUrl(admin, '--admin');
      const key = readAdminKey(adminKeyFile, terminal);
      warnAboutClearText(url.origin, terminal);
      configurations.push(await readAdminApi(url.origin, key.reveal(), http));
    }
    if (control !== undefined) {
      configurations.push(await readControlApi(checkUrl(control, '--control').origin, http));
      terminal.err('the Control API shows no global rules, plugin configs and consumers: they were not looked at\n');
    }
    return { configurations, schemas: schema === undefined ? undefined : await readSchemas(schema, http, terminal) };
  } catch (error) {
    if (!(error instanceof CredentialFlowError)) throw error;
    throw new CliFailure(exitCodes.unreachable, `the gateway cannot be read: ${error.message}`, {
      code: 'unreachable',
      fix: 'compare the URL with the gateway’s admin_listen or control address, and APISIX_ADMIN_KEY (or _FILE) with its admin_key',
      cause: error,
    });
  } finally {
    await client.close();
  }
}

async function readSchemas(from: string, http: HttpReader, { cwd }: Terminal): Promise<SchemaCheck> {
  const { createSchemaCheck } = await import('../gateway/lint/schema/validate.ts');
  const { getJson } = await import('../gateway/lint/live/http.ts');
  if (/^https?:/.test(from)) {
    return createSchemaCheck((await getJson(http, `${checkUrl(from, '--schema').origin}/v1/schema`))?.value);
  }
  try {
    return createSchemaCheck(JSON.parse(readInput(resolve(cwd, from), from)));
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw new CliFailure(exitCodes.failed, `${from} holds no schemas of a gateway`, {
      code: 'unreadable',
      fix: 'curl http://127.0.0.1:9090/v1/schema > schema.json',
    });
  }
}

function checkUrl(text: string, option: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw usageFailure(`${option} wants an http or https URL`, 'e.g. http://127.0.0.1:9180');
  }
  return url;
}
