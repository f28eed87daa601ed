import { Command, CommanderError } from 'commander';
import { addApisixCommands } from './apisix.ts';
import { addApplyCommand } from './apply.ts';
import { addAuditCommand } from './audit.ts';
import { addBackupCommand } from './backup.ts';
import { addCheckCommand } from './check.ts';
import { createCli } from './cli.ts';
import type { Cli } from './cli.ts';
import { addCredentialCommands } from './credential-set.ts';
import { addDeleteCommand } from './delete.ts';
import { addDisableCommand } from './disable.ts';
import { addEnableCommand } from './enable.ts';
import { exitCodes, exitCodesHelp } from './exit-codes.ts';
import { addExplainCommand } from './explain.ts';
import { addExportCommand } from './export.ts';
import { reportFailure, usageFailure } from './failure.ts';
import { addGatewayCommands } from './gateway.ts';
import { addGetCommand } from './get.ts';
import { addGlobalOptions } from './global-options.ts';
import { addHealthCommand } from './health.ts';
import { addInitCommand } from './init.ts';
import { readVersion } from '../compose/package-files.ts';
import { addKeysCommands } from './keys.ts';
import { addPolicyCommands } from './policy.ts';
import { addRestoreCommand } from './restore.ts';
import { addSealCommand } from './seal.ts';
import { addServeCommand } from './serve.ts';
import { addStoreCommands } from './store.ts';
import { addStatusCommand } from './status.ts';
import type { Terminal } from './terminal.ts';
import { addTokenCommands } from './token.ts';
import { addVersionCommand } from './version.ts';

/** Every command, in the order of the help and of docs/cli.md. A new one is its file and its line here. */
const commands: readonly ((program: Command, cli: Cli) => void)[] = [
  addServeCommand,
  addInitCommand,
  addCheckCommand,
  addApplyCommand,
  addGetCommand,
  addDeleteCommand,
  addEnableCommand,
  addDisableCommand,
  addExportCommand,
  addTokenCommands,
  addCredentialCommands,
  addSealCommand,
  addGatewayCommands,
  addApisixCommands,
  addKeysCommands,
  addStoreCommands,
  addBackupCommand,
  addRestoreCommand,
  addExplainCommand,
  addPolicyCommands,
  addStatusCommand,
  addAuditCommand,
  addHealthCommand,
  addVersionCommand,
];

/** The commands and their help. Nothing is done until it parses. */
export function createProgram(cli: Cli): Command {
  const { terminal } = cli;
  const program = new Command('credentialflow')
    .description("The sidecar of Apache APISIX: a client's token goes in, the upstream's secret comes out.")
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: () => undefined })
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText('afterAll', exitCodesHelp);
  addGlobalOptions(program);
  for (const add of commands) add(program, cli);
  return program;
}

/** Runs one command line (without `node` and the file). Resolves with the exit code; never rejects. */
export async function runProgram(argv: readonly string[], terminal: Terminal): Promise<number> {
  const cli = createCli(terminal);
  const program = createProgram(cli);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return cli.exitCode();
  } catch (error) {
    const asJson = argv.includes('--json');
    if (!(error instanceof CommanderError)) return reportFailure(error, terminal, asJson);
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return exitCodes.ok;
    if (error.code === 'commander.help') {
      return reportFailure(
        usageFailure('a command is missing', `\`credentialflow ${groupIn(program, argv)}--help\` lists them`),
        terminal,
        asJson,
      );
    }
    const [message = '', ...more] = error.message.replace(/^error: /, '').split('\n');
    const hint = more.join(' ').replace(/^\(|\)$/g, '');
    return reportFailure(usageFailure(message, hint === '' ? '--help shows how it is used' : hint), terminal, asJson);
  }
}

/** `token ` for `token --json`: the commands that were named so far. */
function groupIn(program: Command, argv: readonly string[]): string {
  const group = program.commands.find((command) => argv.includes(command.name()));
  return group === undefined ? '' : `${group.name()} `;
}
