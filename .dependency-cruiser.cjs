/**
 * The import rules of the house (ARCHITECTURE.md). core ← families ← config, resources ← compose ← main, cli.
 * test/check/import-rules.test.ts proves that each of them bites.
 */
const families = [
  'access',
  'audit',
  'caches',
  'gateway',
  'health',
  'http',
  'injectors',
  'keys',
  'last-good',
  'limits',
  'ops',
  'policies',
  'presets',
  'rotators',
  'secret-managers',
  'snapshot',
  'stores',
  'token-validators',
];
const family = `^sidecar/(${families.join('|')})/`;

/** Where the families meet. */
const composition = [
  '^sidecar/(compose|main|resource-deps)[.]ts$',
  '^sidecar/compose/',
  '^sidecar/cli/',
  '^sidecar/parse-process[.]ts$',
];

/** npm package or Node module → the only places that may import it. */
const doors = {
  ajv: ['^sidecar/gateway/'],
  '@marcbachmann/cel-js': ['^sidecar/policies/'],
  commander: ['^sidecar/cli/'],
  express: ['^sidecar/http/'],
  ioredis: ['^sidecar/caches/'],
  jose: ['^sidecar/(keys|token-validators)/'],
  'lru-cache': ['^sidecar/caches/'],
  pg: ['^sidecar/stores/'],
  pino: ['^sidecar/ops/'],
  'prom-client': ['^sidecar/ops/'],
  undici: ['^sidecar/ops/'],
  yaml: ['^sidecar/(config|gateway|resources)/'],
  zod: ['^sidecar/(config|resources)/'],
};
const nodeDoors = {
  child_process: ['^sidecar/resources/parsers[.]ts$'],
  cluster: [],
  dgram: [],
  http: ['^sidecar/(http|ops)/'],
  http2: [],
  https: ['^sidecar/(http|ops)/'],
  inspector: [],
  net: [
    '^sidecar/(http|ops)/',
    '^sidecar/caches/redis-(client|socket)[.]ts$',
    '^sidecar/snapshot/address-matcher[.]ts$',
  ],
  repl: [],
  sqlite: ['^sidecar/stores/'],
  tls: ['^sidecar/(http|ops)/', '^sidecar/caches/redis-socket[.]ts$'],
  // How garbage is collected, and the two ends of what crosses packed from the parser to the store. Nothing else of it: no heap
  // is ever written to a file.
  v8: [
    '^sidecar/ops/collector[.]ts$',
    '^sidecar/resources/serve-parse[.]ts$',
    '^sidecar/stores/mutations/unpack[.]ts$',
  ],
  vm: [],
};

const escape = (name) => name.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle has no first thing to understand.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'core-is-pure',
      comment: 'core decides; it does no I/O, so it imports nothing but itself: no node:*, no npm, no family.',
      severity: 'error',
      from: { path: '^sidecar/core/' },
      to: { pathNot: '^sidecar/core/' },
    },
    {
      name: 'families-are-strangers',
      comment: 'A family knows core and itself; what it needs of another it gets as a dependency.',
      severity: 'error',
      from: { path: family, pathNot: [...composition, '^sidecar/http/'] },
      to: { path: '^sidecar/', pathNot: ['^sidecar/core/', '^sidecar/$1/'] },
    },
    {
      name: 'http-is-a-stranger-too',
      comment: 'The edge knows core, itself, and how a listener is written in the configuration.',
      severity: 'error',
      from: { path: '^sidecar/http/' },
      to: { path: '^sidecar/', pathNot: ['^sidecar/(core|http)/', '^sidecar/config/config[.]ts$'] },
    },
    {
      name: 'config-knows-core',
      comment: 'config is read before any family lives.',
      severity: 'error',
      from: { path: '^sidecar/config/' },
      to: { path: '^sidecar/', pathNot: ['^sidecar/core/', '^sidecar/config/'] },
    },
    {
      name: 'resources-know-core-and-config',
      comment: 'resources are documents; the families that give them meaning are handed in.',
      severity: 'error',
      from: { path: '^sidecar/resources/', pathNot: composition },
      to: { path: '^sidecar/', pathNot: ['^sidecar/core/', '^sidecar/config/', '^sidecar/resources/'] },
    },
    {
      name: 'nobody-imports-the-root',
      comment: 'main and cli start things; nothing starts from them.',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: ['^sidecar/main[.]ts$', '^sidecar/cli/'] },
      to: { path: ['^sidecar/main[.]ts$', '^sidecar/cli/'] },
    },
    {
      name: 'only-main-and-cli-compose',
      severity: 'error',
      from: { path: '^sidecar/', pathNot: ['^sidecar/(compose|main)[.]ts$', '^sidecar/compose/', '^sidecar/cli/'] },
      to: { path: ['^sidecar/compose[.]ts$', '^sidecar/compose/'] },
    },
    {
      name: 'sidecar-imports-nothing-beside-it',
      comment: 'What ships must not lean on tests, benches or examples.',
      severity: 'error',
      from: { path: '^sidecar/' },
      to: { path: '^(test|bench|examples|docs)/' },
    },
    {
      name: 'no-dev-dependencies',
      comment: 'They are not there where the package is installed.',
      severity: 'error',
      from: { path: '^sidecar/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm'] },
    },
    {
      name: 'no-unknown-modules',
      comment: 'A module that does not resolve, or that package.json does not name.',
      severity: 'error',
      from: { path: '^sidecar/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'undetermined'] },
    },
    { name: 'resolvable', severity: 'error', from: { path: '^sidecar/' }, to: { couldNotResolve: true } },
    {
      name: 'no-unlisted-package',
      comment: 'A new package gets its door in .dependency-cruiser.cjs.',
      severity: 'error',
      from: { path: '^sidecar/' },
      to: {
        path: '(^|/)node_modules/',
        pathNot: Object.keys(doors).map((name) => `(^|/)node_modules/(@types/)?${escape(name)}/`),
        dependencyTypesNot: ['core'],
      },
    },
    ...Object.entries(doors).map(([name, places]) => ({
      name: `one-door-${name}`,
      comment: `${name} is imported in one place only, so that it can be replaced there.`,
      severity: 'error',
      from: { path: '^sidecar/', pathNot: places },
      to: { path: `(^|/)node_modules/(@types/)?${escape(name)}/` },
    })),
    ...Object.entries(nodeDoors).map(([name, places]) => ({
      name: `one-door-node-${name}`,
      comment: `node:${name} is imported in one place only (or nowhere).`,
      severity: 'error',
      from: { path: '^sidecar/', ...(places.length === 0 ? {} : { pathNot: places }) },
      to: { path: `^(node:)?${escape(name)}$`, dependencyTypes: ['core'] },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    builtInModules: { add: ['node:sqlite', 'sqlite'] },
  },
};
