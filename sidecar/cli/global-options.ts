import type { Command } from 'commander';

/** Options that every command has. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly config: string | undefined;
  readonly adminUrl: string | undefined;
}

export function addGlobalOptions(program: Command): void {
  program
    .option('--json', 'print JSON, for programs')
    .option('--config <file>', 'configuration file (default: CREDENTIALFLOW_CONFIG, else ./credentialflow.yaml)')
    .option('--admin-url <url>', 'where the admin API is (default: CREDENTIALFLOW_ADMIN_URL, else the local sidecar)');
}

export function globalsOf(command: Command): GlobalOptions {
  const { json, config, adminUrl } = command.optsWithGlobals<Partial<GlobalOptions>>();
  return { json: json === true, config, adminUrl };
}
