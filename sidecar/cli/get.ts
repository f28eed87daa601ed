import type { Command } from 'commander';
import { pathOf } from './admin-api.ts';
import type { AdminApi } from './admin-api.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { collectionOf, kindsHelp } from './kinds.ts';
import { listAll } from './list-all.ts';
import { formatFacts, formatTable } from './table.ts';

interface Resource {
  readonly id: string;
  readonly owner: string;
  readonly disabled: boolean;
  readonly revision: number;
  readonly updated_at: string;
  /** Of credentials. */
  readonly health?: { readonly state: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function addGetCommand(program: Command, cli: Cli): void {
  const command = program
    .command('get')
    .description('show the resources of a kind, or one of them')
    .argument('<kind>', kindsHelp)
    .argument('[id]', 'one resource')
    .action(async (kind: string, id: string | undefined, _options: unknown, self: Command) => {
      const collection = collectionOf(kind);
      await cli.withAdmin(self, async (api) => {
        if (id === undefined) await showList(collection, api, self, cli);
        else await showOne(collection, id, api, self, cli);
      });
    });
  withExamples(command, 'credentialflow get upstreams', 'credentialflow get credential openai-main --json');
}

async function showOne(collection: string, id: string, api: AdminApi, self: Command, cli: Cli): Promise<void> {
  const answer = (await api.call({ method: 'GET', path: pathOf(collection, id) })) as Resource;
  cli.print(self, answer, () => formatFacts(answer));
}

async function showList(collection: string, api: AdminApi, self: Command, cli: Cli): Promise<void> {
  const items = (await listAll(api, collection)) as readonly Resource[];
  cli.print(self, { items }, () => {
    if (items.length === 0) return `There are no ${collection}.`;
    const showsHealth = collection === 'credentials';
    const rows = items.map(({ id, owner, disabled, revision, updated_at: updated, health, spec }) => [
      id,
      disabled ? 'disabled' : 'enabled',
      ...(showsHealth ? [health?.state ?? '-'] : []),
      owner,
      String(revision),
      updated,
      summaryOf(spec),
    ]);
    const columns = ['ID', 'STATE', ...(showsHealth ? ['HEALTH'] : []), 'OWNER', 'REVISION', 'UPDATED', 'WHAT'];
    return formatTable(columns, rows, (text) => cli.terminal.paintOut('bold', text));
  });
}

/** What tells the resources of a kind apart, in one line. */
function summaryOf(spec: Readonly<Record<string, unknown>>): string {
  const telling = ['preset', 'base_url', 'upstream', 'effect', 'upstreams', 'consumers', 'groups'];
  return telling
    .filter((name) => name in spec)
    .map((name) => formatFacts({ [name]: spec[name] }).replace(/\n\s*/g, ' '))
    .join('  ');
}
