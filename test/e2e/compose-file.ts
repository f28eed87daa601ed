/** examples/compose as the tests read it: the file, its variables, and its places on this machine. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string };
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly healthcheck?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly network_mode?: string;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly ulimits?: { readonly core?: number };
  readonly cap_drop?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const folder = join(root, 'examples/compose');
export const composeText = readFileSync(join(folder, 'docker-compose.yaml'), 'utf8');
export const { services, volumes } = parse(composeText, { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
export const profiles = ['single', 'fleet'] as const;

/** What `.env` holds in the tests, by the names of .env.example. */
export const dotEnv = {
  COMPOSE_PROFILES: 'single',
  CREDENTIALFLOW_GATEWAY_KEY: `cfg_${'a1'.repeat(32)}`,
  CREDENTIALFLOW_LOG_KEY: `cfl_${'b2'.repeat(32)}`,
  REDIS_PASSWORD: 'c3'.repeat(24),
  CREDENTIALFLOW_MASTER_KEY: Buffer.alloc(32, 'd4').toString('base64'),
  CREDENTIALFLOW_ADMIN_KEY: `cfa_${'e5'.repeat(32)}`,
  POSTGRES_PASSWORD: 'f6'.repeat(24),
  OPENAI_API_KEY: 'sk-of-the-compose-test',
} as const;

export const serviceOf = (name: string): Service => services[name] ?? assert.fail(`there is no service ${name}`);

/** The services that Compose starts for a profile, by name. */
export function servicesOf(profile: string): Readonly<Record<string, Service>> {
  return Object.fromEntries(Object.entries(services).filter(([, service]) => service.profiles?.includes(profile)));
}

/** Those whose image is of this repository. */
export function builtServices(): readonly (readonly [string, Service])[] {
  return Object.entries(services).filter(([, { build }]) => build !== undefined);
}

/** A service's own environment, filled in as Compose does. */
export function environmentOf(name: string): Record<string, string> {
  const declared = Object.entries(serviceOf(name).environment ?? {});
  return Object.fromEntries(declared.map(([variable, value]) => [variable, fill(value)]));
}

/** Where a path of a service's container is on this machine. */
export function mountedAt(name: string, path: string): string {
  const mount = serviceOf(name).volumes?.find((each) => each.split(':')[1] === path);
  return resolve(folder, mount?.split(':')[0] ?? assert.fail(`${path} is not mounted`));
}

function fill(value: string): string {
  const known: Readonly<Record<string, string>> = dotEnv;
  return value.replaceAll(
    /\$\{(\w+)(?::\?[^}]*)?\}/g,
    (_, name: string) => known[name] ?? assert.fail(`${name} is not set`),
  );
}
