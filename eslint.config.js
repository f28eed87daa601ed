import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** What no pure code may touch: the ambient sources of time, chance and environment. */
const ambient = ['process', 'Buffer', 'setTimeout', 'setInterval', 'setImmediate', 'performance', 'fetch', 'console'];

export default defineConfig(
  { ignores: ['node_modules/', 'dist/', 'coverage/', 'data/', 'bench/results/', 'test/check/fixtures/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // An arrow that only calls is the house's shorthand for a callback.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      // A port's method is async by its signature, whether or not an implementation waits.
      '@typescript-eslint/require-await': 'off',
      // createX gives objects of closures: no method of theirs knows `this`.
      '@typescript-eslint/unbound-method': 'off',
      // `while (true)` says it plainly.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-control-regex': 'error',
      'no-console': 'error',
      'no-control-regex': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'off',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['sidecar/**/*.ts'],
    rules: {
      // Time comes from a Clock, the environment from main and cli.
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Time comes from a Clock.' },
        { object: 'performance', property: 'now', message: 'Time comes from a Clock.' },
        { object: 'process', property: 'env', message: 'Only main and cli read the environment.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Exports have names.' },
        { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that has it.' },
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time comes from a Clock.' },
      ],
    },
  },
  { files: ['sidecar/core/**/*.ts'], rules: { 'no-restricted-globals': ['error', ...ambient] } },
  {
    files: ['sidecar/main.ts', 'sidecar/cli/**/*.ts', 'sidecar/ops/**/*.ts'],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-syntax': 'off', 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts', 'docs/**/*.ts'],
    rules: {
      'no-console': 'off',
      // node:test collects what its functions return by itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite', 'before', 'after'] },
            { from: 'package', package: 'node:test', name: ['beforeEach', 'afterEach'] },
          ],
        },
      ],
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    rules: { eqeqeq: 'error', 'no-var': 'error', 'prefer-const': 'error', 'object-shorthand': 'error' },
  },
);
