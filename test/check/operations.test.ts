/** What docs/operations.md names is there: faults, codes, metrics, reasons, log events, figures. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseDocument } from 'yaml';
import { failOvers } from '../../bench/fleet/fail-overs.ts';
import { faults } from '../../bench/fleet/faults.ts';
import { denialTable, errorTable, type CodeRow } from '../../sidecar/core/codes.ts';
import { metricDefinitions } from '../../sidecar/ops/metric-definitions.ts';
import { isEvent, operations, partRows, quoted, section, tableOf } from './operations-table.ts';

const codes: Readonly<Record<string, CodeRow>> = { ...denialTable, ...errorTable };
const sources = globSync('sidecar/**/*.ts')
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

describe('the table of what happens when a part dies', () => {
  const rows = partRows();

  it('has a row for each fault that npm run faults does, in its order, and then others', () => {
    const done = [...faults, ...failOvers].map(({ name }) => name);
    const named = rows.map(({ fault }) => fault);
    assert.deepEqual(named.slice(0, done.length), done);
    assert.ok(named.length > done.length);
  });

  it('names codes that there are, with their status', () => {
    const named = rows.flatMap(({ clients }) => [...clients.matchAll(/\b([45]\d\d) `([a-z_]+)`/g)]);
    assert.ok(named.length >= 8, String(named.length));
    for (const [said, status, code = ''] of named) assert.equal(codes[code]?.status, Number(status), said);
  });

  it('names a metric in nearly every row', () => {
    const without = rows.filter(({ metrics }) => !metrics.includes('credentialflow_')).map(({ fault }) => fault);
    assert.deepEqual(without, ['the sidecar ends']);
  });

  it('names reasons of /readyz that the sidecar gives', () => {
    const reasons = rows.flatMap((row) => quoted(row.reasons)).filter((text) => /^(?:cache|store): /.test(text));
    assert.ok(reasons.length >= 8, String(reasons.length));
    for (const reason of reasons) {
      // `…` stands for what is filled in; what follows `cache: ` is of the cache itself.
      const pieces = reason.replace(/^cache: (?=cannot)/, '').split('…');
      for (const piece of pieces) assert.ok(sources.includes(piece), `nothing says: ${reason}`);
    }
  });

  it('names log events that the sidecar writes', () => {
    const events = rows.flatMap(({ log, back }) => [...quoted(log), ...quoted(back)]).filter(isEvent);
    assert.ok(events.length >= 15, String(events.length));
    for (const event of events) assert.ok(sources.includes(`'${event}'`), `nothing logs ${event}`);
  });
});

describe('docs/operations.md', () => {
  it('names metrics that there are', () => {
    const named = [...operations.matchAll(/\bcredentialflow_[a-z_]+\b/g)].map(([name]) => name);
    assert.ok(named.length >= 20);
    for (const name of named) assert.ok(name in metricDefinitions, name);
  });

  it('names variables that there are', () => {
    const reference = readFileSync('docs/config.md', 'utf8');
    const named = [...operations.matchAll(/\bCREDENTIALFLOW_[A-Z_]+\b/g)].map(([name]) => name);
    assert.ok(named.length >= 10);
    for (const name of named) assert.ok(reference.includes(`\`${name}\``), name);
  });

  it('has YAML that parses', () => {
    const blocks = [...operations.matchAll(/```yaml\n([^]*?)```/g)].map(([, block = '']) => block);
    assert.ok(blocks.length >= 2);
    for (const block of blocks) assert.deepEqual(parseDocument(block, { uniqueKeys: true }).errors, []);
  });

  it('has a table of contents with every section', () => {
    const sections = [...operations.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);
    const contents = operations.slice(0, operations.indexOf('\n## '));
    assert.deepEqual(
      [...contents.matchAll(/\]\(#([a-z-]+)\)/g)].map(([, anchor]) => anchor),
      sections.map((title) => title.toLowerCase().replaceAll(' ', '-')),
    );
  });

  it('has only figures for sizing that a command printed, and commands that there are', () => {
    const part = section('Sizing');
    const resultsOf = (text: string): string | undefined => /bench\/results\/[\w-]+\.txt/.exec(text)?.[0];
    const results = resultsOf(part) ?? assert.fail('no results are named');
    const [, ...rows] = tableOf(part);
    for (const [what = '', figure = '', command = ''] of rows) {
      const [, script = '', name = ''] = /^`npm run (\w+) -- (?:--only )?(\w+)`$/.exec(command) ?? [];
      assert.ok(script in scripts, `${what}: ${command}`);
      assert.ok(existsSync(`bench/${name}.ts`) || existsSync(`bench/fleet/${name}.ts`), command);
      if (figure.startsWith('measure')) continue;
      const printed = readFileSync(resultsOf(figure) ?? results, 'utf8');
      for (const [number] of figure.matchAll(/\d[\d.,]*(?= (?:µs|ms|s|MB|decisions|requests)\b|;| \()/g)) {
        const alone = new RegExp(`(?<![\\d.,])${number.replaceAll('.', '\\.')}(?![\\d.,])`);
        assert.match(printed, alone, `${what}: ${number}`);
      }
    }
  });
});
