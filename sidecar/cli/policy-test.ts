import type { Command } from 'commander';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PolicyCase } from '../resources/policy-tests.ts';
import type { Cli } from './cli.ts';
import { withExamples } from './examples.ts';
import { exitCodes } from './exit-codes.ts';
import { CliFailure } from './failure.ts';
import { createPolicyWorld, readRecords, type PolicyWorld } from './policy-world.ts';
import { readFile } from './read-file.ts';
import { repeatable } from './repeatable.ts';

interface TestOptions {
  readonly file: readonly string[];
  readonly junit?: string;
}

interface CaseResult {
  readonly name: string;
  readonly place: string;
  readonly passed: boolean;
  readonly expected: string;
  readonly found: string;
}

export function addPolicyTestCommand(policy: Command, cli: Cli): void {
  const command = policy
    .command('test')
    .description('run policy tests offline: given a request, expect allow or deny')
    .argument('<tests...>', 'files of tests (YAML)')
    .requiredOption(
      '-f, --file <file>',
      'resource file whose policies are tested; may be given several times',
      repeatable,
    )
    .option('--junit <file>', 'write the results as JUnit XML as well')
    .action(async (tests: readonly string[], { file: files, junit }: TestOptions, self: Command) => {
      const { cwd } = cli.terminal;
      const cases = await readCases(tests, cwd);
      const world = await createPolicyWorld(await readRecords(files, cwd));
      const results: CaseResult[] = [];
      for (const one of cases) results.push(await run(one, world));
      if (junit !== undefined) writeFileSync(resolve(cwd, junit), junitOf(results));
      const failed = results.filter(({ passed }) => !passed);
      cli.print(self, { passed: results.length - failed.length, failed: failed.length, results }, () => {
        const { paintOut } = cli.terminal;
        const lines = results.map(({ name, passed, place, expected, found }) =>
          passed
            ? `${paintOut('green', 'ok')}    ${name}`
            : `${paintOut('red', 'FAIL')}  ${name} (${place}): expected ${expected}, found ${found}`,
        );
        return [...lines, `${results.length - failed.length} passed, ${failed.length} failed`].join('\n');
      });
      if (failed.length > 0) cli.finish(exitCodes.failed);
    });
  withExamples(command, 'credentialflow policy test -f resources.yaml policy-tests.yaml');
}

async function readCases(files: readonly string[], cwd: string): Promise<readonly PolicyCase[]> {
  const { readPolicyTests } = await import('../resources/policy-tests.ts');
  const read = files.map((file) => readPolicyTests(readFile(resolve(cwd, file), file), file));
  const problems = read.flatMap((one) => one.problems);
  if (problems.length > 0) {
    throw new CliFailure(exitCodes.invalid, `${files.join(', ')}: not valid`, { code: 'resource_invalid', problems });
  }
  return read.flatMap(({ cases }) => cases);
}

async function run({ name, file, line, given, expect }: PolicyCase, world: PolicyWorld): Promise<CaseResult> {
  const { upstream, method, path, headers = {}, address, model, time } = given;
  const prefix = (world.upstream(upstream)?.prefix ?? []).map((segment) => `/${encodeURIComponent(segment)}`).join('');
  const sent: Record<string, string> = {};
  for (const [header, value] of Object.entries(headers)) sent[header.toLowerCase()] = value;
  if (address !== undefined) sent['x-forwarded-for'] = address;
  if (model !== undefined) sent['x-cf-arg-model'] = model;
  const nowMs = time === undefined ? Date.now() : Date.parse(time);
  const who = whoOf(given, nowMs, world);
  const judged =
    'allowed' in who
      ? who
      : await world.decide({ upstream, method: method.toUpperCase(), uri: prefix + path, headers: sent, nowMs, who });
  const outcome = judged.allowed ? 'allow' : 'deny';
  const passed =
    outcome === expect.outcome &&
    (expect.code === undefined || expect.code === judged.code) &&
    (expect.policy === undefined || expect.policy === judged.policy);
  const place = line === undefined ? file : `${file}:${line}`;
  const by = (policy: string | undefined): string => (policy === undefined || policy === '' ? '' : ` by ${policy}`);
  const told = (code: string | undefined): string => (code === undefined || code === 'allow' ? '' : ` ${code}`);
  return {
    name,
    place,
    passed,
    expected: expect.outcome + told(expect.code) + by(expect.policy),
    found: outcome + told(judged.code) + by(judged.policy),
  };
}

function whoOf(
  { consumer = '', scopes, issuer, claims = {} }: PolicyCase['given'],
  nowMs: number,
  world: PolicyWorld,
): ReturnType<PolicyWorld['holderOf']> {
  return issuer === undefined ? { consumer, scopes } : world.holderOf(issuer, claims, nowMs);
}

function junitOf(results: readonly CaseResult[]): string {
  const cases = results.map(({ name, place, passed, expected, found }) => {
    const open = `    <testcase classname="${xml(place)}" name="${xml(name)}"`;
    if (passed) return `${open}/>`;
    return `${open}><failure message="${xml(`expected ${expected}, found ${found}`)}"/></testcase>`;
  });
  const failures = results.filter(({ passed }) => !passed).length;
  const suite = `  <testsuite name="policies" tests="${results.length}" failures="${failures}">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', suite, ...cases, '  </testsuite>', '</testsuites>', ''].join('\n'); // prettier-ignore
}

function xml(text: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
