import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { usageFailure } from './failure.ts';
import { formatExplanation, type ShownExplanation } from './format-explanation.ts';
import { readSecret } from './read-secret.ts';
import { repeatable } from './repeatable.ts';

interface ExplainOptions {
  readonly consumer?: string;
  readonly token?: boolean;
  readonly scope?: readonly string[];
  readonly upstream?: string;
  readonly method: string;
  readonly uri?: string;
  readonly upstreamUri?: string;
  readonly gateway?: string;
  readonly header?: readonly string[];
  readonly address?: string;
  readonly model?: string;
  readonly time?: string;
}

interface ExplainedDecision {
  readonly then: Readonly<Record<string, string | undefined>>;
  readonly fix?: string;
  readonly now?: ShownExplanation;
}

export function addExplainCommand(program: Command, cli: Cli): void {
  const command = program
    .command('explain')
    .description('why a request is, or was, allowed or denied, step by step, and what would have to change')
    .argument('[decision]', 'id of one of the last 10,000 decisions (X-CF-Decision); without it, a request as given')
    .option('--consumer <id>', 'whose request it is')
    .option('--token', 'or: with this token, from stdin or typed at the prompt')
    .option(
      '--scope <policy>',
      'with --consumer: policy that the token is narrowed to; may be given several times',
      repeatable,
    )
    .option('--upstream <id>', 'of which upstream')
    .option('--method <method>', 'HTTP method', 'GET')
    .option('--uri <path>', 'path and query as the client sends them to the gateway, such as /openai/v1/models')
    .option('--upstream-uri <path>', 'where the route rewrites: as the upstream receives them')
    .option('--gateway <id>', 'which gateway asks (default: one that may)')
    .option('--header <name=value>', 'header that a condition reads; may be given several times', repeatable)
    .option('--address <ip>', "the client's address")
    .option('--model <name>', 'the field `model` of the body')
    .option('--time <time>', 'when, RFC 3339 (default: now)')
    .action(async (decision: string | undefined, options: ExplainOptions, self: Command) => {
      if (decision !== undefined) {
        if (options.consumer !== undefined || options.token === true) {
          throw usageFailure(
            `either a decision (${decision}) or a request`,
            'options take one value each: repeat them',
          );
        }
        await cli.withAdmin(self, async (api) => {
          const answer = await api.call({ method: 'POST', path: '/explain', json: { decision } });
          cli.print(self, answer, () => formatDecision(answer as ExplainedDecision, cli));
        });
        return;
      }
      const json = await requestOf(options, cli);
      await cli.withAdmin(self, async (api) => {
        const answer = await api.call({ method: 'POST', path: '/explain', json });
        cli.print(self, answer, () => formatExplanation(answer as ShownExplanation, cli.terminal));
      });
    });
  withExamples(
    command,
    'credentialflow explain --consumer team-search --upstream openai --method POST --uri /openai/v1/chat/completions',
    'credentialflow explain --token --upstream openai --uri /openai/v1/models < token.txt',
    'credentialflow explain d_5f3a9c0d11e2_4k',
  );
}

async function requestOf(options: ExplainOptions, cli: Cli): Promise<Readonly<Record<string, unknown>>> {
  const { consumer, token, scope, upstream, method, uri, upstreamUri, gateway, address, model, time } = options;
  if (upstream === undefined || uri === undefined) {
    throw usageFailure('--upstream and --uri are needed', 'or name a decision: `credentialflow explain <id>`');
  }
  if ((token === true) === (consumer !== undefined)) throw usageFailure('either --consumer or --token is needed');
  const secret = token === true ? (await readSecret(cli.terminal, 'Token')).reveal() : undefined;
  return {
    consumer,
    token: secret,
    scopes: scope,
    upstream,
    method,
    uri,
    upstream_uri: upstreamUri,
    gateway,
    headers: headersOf(options.header ?? []),
    address,
    model,
    time,
  };
}

export function headersOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw usageFailure('--header takes name=value', '--header x-tenant=acme');
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

function formatDecision({ then, fix, now }: ExplainedDecision, { terminal }: Cli): string {
  const of = (name: string): string => then[name] ?? '';
  const verdict = of('outcome') === 'allow' ? 'allowed' : `denied: ${of('code')}`;
  const by = of('policy') === '' ? '' : ` by policy ${of('policy')}`;
  const about = `${of('time')} ${of('consumer')} ${of('method')} ${of('path')} (${of('upstream')})`;
  const lines = [terminal.paintOut('bold', `It was ${verdict}${by}`), `  ${about}`];
  if (fix !== undefined) lines.push(`  ${fix}`);
  if (now !== undefined) lines.push('', 'By the policies of now:', formatExplanation(now, terminal));
  return lines.join('\n');
}
