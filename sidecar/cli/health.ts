import type { Command } from 'commander';
import { unreachable } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { clientCertificate } from './client-certificate.ts';
import { endpointOf, parseEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import type { Local } from './local.ts';

/** A health check that waits longer has failed already; milliseconds. */
const timeoutMs = 3_000;

export function addHealthCommand(program: Command, cli: Cli): void {
  const command = program
    .command('health')
    .description('ask /readyz of the data listener: 0 ready, 1 not ready, 3 no answer')
    .option('--url <url>', 'where the data listener is (default: the local sidecar)')
    .action(async ({ url }: { readonly url?: string }, self: Command) => {
      const local = await cli.local(self);
      const endpoint = url === undefined ? localEndpoint(local) : parseEndpoint(url);
      const { createHttpClient } = await import('../ops/http-client.ts');
      const { socketPath, baseUrl } = endpoint;
      const http = createHttpClient({
        timeoutMs,
        ...clientCertificate(local),
        ...(socketPath === undefined ? {} : { socketPath }),
      });
      try {
        const answer = await http.request({ method: 'GET', url: `${baseUrl}/readyz` }).catch((error: unknown) => {
          throw unreachable(endpoint, error);
        });
        const reasons = reasonsOf(answer.json);
        if (answer.status !== 200) {
          throw new CliFailure(exitCodes.failed, `not ready${reasons === '' ? '' : `: ${reasons}`}`, {
            code: 'not_ready',
            fix: '`credentialflow status` and the log say why',
          });
        }
        cli.print(self, answer.json ?? { ready: true }, () => (reasons === '' ? 'ready' : `ready: ${reasons}`));
      } finally {
        await http.close();
      }
    });
  withExamples(command, 'credentialflow health', 'credentialflow health --url http://127.0.0.1:9280');
}

function localEndpoint({ running, config }: Local): Endpoint {
  return running.data === undefined ? endpointOf(config.listen, 'data') : parseEndpoint(running.data);
}

function reasonsOf(answer: unknown): string {
  const reasons = (answer as { readonly reasons?: unknown } | undefined)?.reasons;
  return Array.isArray(reasons) ? reasons.map(String).join(', ') : '';
}
