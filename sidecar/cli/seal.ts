import type { Command } from 'commander';
import { Option } from 'commander';
import { resolve } from 'node:path';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure, usageFailure } from './failure.ts';
import { readSecret } from './read-secret.ts';
import { readFile } from './read-file.ts';

interface SealOptions {
  readonly credential?: string;
  readonly publicKey?: string;
  readonly printKey?: boolean;
}

export function addSealCommand(program: Command, cli: Cli): void {
  const command = program
    .command('seal')
    .description('make a sealed value for a resource file from a secret on stdin; only the sidecar can open it')
    .option('--credential <id>', 'the credential it is for; it opens nowhere else')
    .option(
      '--public-key <file>',
      'the sealing key as `seal --print-key` prints it: works offline, CI needs nothing else',
    )
    .addOption(new Option('--from <where>', 'take the sealing key from the running sidecar').choices(['server']))
    .option('--print-key', 'print the sealing key of the running sidecar; it is not secret')
    .action(async (options: SealOptions, self: Command) => {
      const { credential, publicKey: file, printKey } = options;
      if (printKey === true) {
        const key = await askForKey(self, cli);
        cli.print(self, key, () => JSON.stringify(key));
        return;
      }
      if (credential === undefined) throw usageFailure('--credential is missing', 'say which credential it is for');
      const { checkSealingKey, sealWithPublicKey } = await import('../keys/sealing-key.ts');
      const key = checkSealingKey(
        file === undefined ? await askForKey(self, cli) : readKey(resolve(cli.terminal.cwd, file)),
      );
      const secret = await readSecret(cli.terminal, `Secret of ${credential}`);
      const value = await sealWithPublicKey(key, secret, `credential/${credential}`);
      cli.print(self, { from: 'sealed', value }, () => `secret: { from: sealed, value: ${value} }`);
    });
  withExamples(
    command,
    'credentialflow seal --print-key > sealing-key.json',
    'credentialflow seal --credential openai-main --public-key sealing-key.json < key.txt',
    'credentialflow seal --credential openai-main --from server',
  );
}

async function askForKey(self: Command, cli: Cli): Promise<unknown> {
  return cli.withAdmin(self, (api) => api.call({ method: 'GET', path: '/sealing-key' }));
}

function readKey(file: string): unknown {
  const fix = 'make it with `credentialflow seal --print-key`';
  const text = readFile(file, file, fix);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CliFailure(exitCodes.failed, `${file} is no sealing key`, { fix, cause: error });
  }
}
