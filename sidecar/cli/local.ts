import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedConfig } from '../config/load-config.ts';
import type { GlobalOptions } from './global-options.ts';
import { debugVariable } from './failure.ts';
import type { Terminal } from './terminal.ts';

/** What this machine knows without asking a sidecar. */
export interface Local extends LoadedConfig {
  /** `host:port` or `unix:/path` of the sidecar that runs with this data directory; undefined: none says so. */
  readonly running: { readonly data?: string; readonly admin?: string };
}

export async function loadLocal(globals: Pick<GlobalOptions, 'config'>, terminal: Terminal): Promise<Local> {
  const { loadConfig } = await import('../config/load-config.ts');
  const { config } = globals;
  const options = config === undefined ? {} : { configPath: config };
  const loaded = loadConfig({ env: terminal.env, cwd: terminal.cwd }, options);
  // A variable of the command line, which the configuration does not know.
  const warnings = loaded.warnings.filter(({ path }) => path !== debugVariable);
  return { ...loaded, warnings, running: readServerFile(loaded.config.dataDir) };
}

/** The running sidecar writes its addresses beside its lock. */
function readServerFile(dataDir: string): Local['running'] {
  try {
    const file = JSON.parse(readFileSync(join(dataDir, 'server.json'), 'utf8')) as {
      readonly listeners?: Readonly<Record<string, unknown>>;
    };
    const { data, admin } = file.listeners ?? {};
    return { ...(typeof data === 'string' ? { data } : {}), ...(typeof admin === 'string' ? { admin } : {}) };
  } catch {
    return {};
  }
}
