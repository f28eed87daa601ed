import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import ts from 'typescript';

const sources = globSync('sidecar/**/*.ts').map((path) => ({ path, names: namesIn(readFileSync(path, 'utf8'), path) }));

it('reads the environment in main and cli only', () => {
  const readers = sources.filter(({ names }) => names.has('process.env')).map(({ path }) => path);
  assert.deepEqual(
    readers.filter((path) => path !== 'sidecar/main.ts' && !path.startsWith('sidecar/cli/')),
    [],
  );
});

it('writes no heap snapshot, no core dump and no diagnostic report: secrets live in memory', () => {
  const dangerous = [
    'writeHeapSnapshot',
    'getHeapSnapshot',
    'setHeapSnapshotNearHeapLimit',
    'process.report',
    'process.abort',
    'startHeapProfile',
  ];
  const dumpers = sources.flatMap(({ path, names }) =>
    dangerous.filter((name) => names.has(name)).map((name) => `${path}: ${name}`),
  );
  assert.deepEqual(dumpers, []);
});

it('sees what it looks for, however it is spelled', () => {
  for (const code of [
    'process.env.HOME',
    "process['env']",
    'process?.env',
    'const { env } = process',
    'const { env: e, argv } = process',
    "import { env } from 'node:process'",
    "import p from 'node:process'; p.env",
    'globalThis.process.env',
  ]) {
    assert.ok(namesIn(code, 'x.ts').has('process.env'), code);
  }
  assert.ok(namesIn("import { writeHeapSnapshot as w } from 'node:v8'", 'x.ts').has('writeHeapSnapshot'));
  assert.ok(namesIn("v8['writeHeapSnapshot']()", 'x.ts').has('writeHeapSnapshot'));
  assert.ok(!namesIn('deps.env.HOME; const { env } = deps; // process.env', 'x.ts').has('process.env'));
});

/** Every name that is used, and `process.<name>` for what is taken from the process object. */
function namesIn(code: string, path: string): ReadonlySet<string> {
  const names = new Set<string>();
  const aliases = new Set(['process']);
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && /^(node:)?process$/.test((node.moduleSpecifier as ts.StringLiteral).text)) {
      const clause = node.importClause;
      if (clause?.name !== undefined) aliases.add(clause.name.text);
      const bindings = clause?.namedBindings;
      if (bindings !== undefined && ts.isNamespaceImport(bindings)) aliases.add(bindings.name.text);
      if (bindings !== undefined && ts.isNamedImports(bindings)) {
        for (const { name, propertyName } of bindings.elements) names.add(`process.${(propertyName ?? name).text}`);
      }
    }
    if (ts.isIdentifier(node)) names.add(node.text);
    if (ts.isPropertyAccessExpression(node) && isProcess(node.expression)) names.add(`process.${node.name.text}`);
    if (ts.isElementAccessExpression(node) && ts.isStringLiteralLike(node.argumentExpression)) {
      names.add(node.argumentExpression.text);
      if (isProcess(node.expression)) names.add(`process.${node.argumentExpression.text}`);
    }
    if (
      ts.isVariableDeclaration(node) &&
      node.initializer !== undefined &&
      isProcess(node.initializer) &&
      ts.isObjectBindingPattern(node.name)
    ) {
      for (const { name, propertyName } of node.name.elements) {
        names.add(`process.${(propertyName ?? name).getText()}`);
      }
    }
    ts.forEachChild(node, visit);
  };
  const isProcess = (node: ts.Expression): boolean =>
    (ts.isIdentifier(node) && aliases.has(node.text)) ||
    (ts.isPropertyAccessExpression(node) && node.name.text === 'process');
  visit(ts.createSourceFile(path, code, ts.ScriptTarget.Latest, true));
  return names;
}
