import type { Command } from 'commander';
import { connectAdmin } from './admin-api.ts';
import type { AdminApi } from './admin-api.ts';
import { exitCodes } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import { globalsOf } from './global-options.ts';
import { loadLocal } from './local.ts';
import type { Local } from './local.ts';
import type { Terminal } from './terminal.ts';

/** What a command gets to work with. */
export interface Cli {
  readonly terminal: Terminal;
  /** The configuration as this machine has it, and the sidecar that runs here. */
  local(command: Command): Promise<Local>;
  /** Calls `use` with the admin API and closes the connection afterwards. */
  withAdmin<T>(command: Command, use: (api: AdminApi) => Promise<T>): Promise<T>;
  /** The answer on stdout: as JSON with `--json`, else the text for people. */
  print(command: Command, value: unknown, text: () => string): void;
  /** Ends with this exit code, for commands whose answer is not an error message. */
  finish(code: ExitCode): void;
  exitCode(): ExitCode;
}

export function createCli(terminal: Terminal): Cli {
  let exitCode: ExitCode = exitCodes.ok;
  return {
    terminal,
    finish(code) {
      exitCode = code;
    },
    exitCode: () => exitCode,
    local: (command) => loadLocal(globalsOf(command), terminal),
    async withAdmin(command, use) {
      const api = await connectAdmin(globalsOf(command), terminal);
      try {
        return await use(api);
      } finally {
        await api.close();
      }
    },
    print(command, value, text) {
      if (globalsOf(command).json) {
        terminal.out(`${terminal.outIsTty ? JSON.stringify(value, undefined, 2) : JSON.stringify(value)}\n`);
      } else {
        const written = text();
        terminal.out(written === '' || written.endsWith('\n') ? written : `${written}\n`);
      }
    },
  };
}
