import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Command } from 'commander';
import { createCli } from '../../sidecar/cli/cli.ts';
import { exitCodes, exitCodesHelp } from '../../sidecar/cli/exit-codes.ts';
import { createProgram } from '../../sidecar/cli/program.ts';
import { createFakeTerminal } from './fake-terminal.ts';

const document = readFileSync('docs/cli.md', 'utf8');
const program = createProgram(createCli(createFakeTerminal()));
const commands = leavesOf(program, 'credentialflow');

describe('docs/cli.md', () => {
  it('has every command, and no other', () => {
    const documented = [...document.matchAll(/^## `(credentialflow [^`]+)`$/gm)].map(([, name]) => name);
    assert.deepEqual(
      documented,
      commands.map(({ name }) => name),
    );
  });

  it('has every option of a command in its section, and no other', () => {
    const global = program.options.map(({ flags }) => flags).filter((flags) => !flags.includes('--version'));
    assert.deepEqual(optionsIn('## Options of every command'), global);
    for (const { name, command } of commands) {
      const flags = command.options.map((option) => option.flags);
      assert.deepEqual(optionsIn(`## \`${name}\``), flags, name);
    }
  });

  it('has the exit codes, as the help has them', () => {
    const codes = Object.values(exitCodes);
    const documented = [...document.matchAll(/^\| (\d) {4}\| /gm)].map(([, code]) => Number(code));
    assert.deepEqual(documented, codes);
    const helped = [...exitCodesHelp.matchAll(/^ {2}(\d) {2}/gm)].map(([, code]) => Number(code));
    assert.deepEqual(helped, codes);
  });
});

describe('the commands in the documents', () => {
  for (const page of globSync('{*.md,docs/**/*.md,examples/**/*.md}').sort()) {
    const lines = [...readFileSync(page, 'utf8').matchAll(/```(?:sh|bash|console)\n([^]*?)```/g)]
      .flatMap(([, block = '']) => block.replaceAll('\\\n', ' ').split('\n'))
      .flatMap((line) => line.replace(/ #.*$/, '').split(/[|&;()]/))
      .map((part) => /(?:^|.*\s)(credentialflow .*)/.exec(part)?.[1] ?? '')
      .filter((line) => line !== '');
    if (lines.length === 0) continue;
    it(`${page}: are there, with their options`, () => {
      for (const line of lines) {
        const found = commands.find(({ name }) => `${line} `.startsWith(`${name} `));
        const isGlobal = /^credentialflow (?:--?[a-z]|<|\w+ --help)/.test(line);
        assert.ok(found !== undefined || isGlobal, line);
        const known = [...(found?.command.options ?? []), ...program.options].flatMap(({ long, short }) => [
          long,
          short,
        ]);
        for (const [, option = ''] of line.matchAll(/\s(--?[a-z][a-z-]*)/gi)) assert.ok(known.includes(option), `${option} of ${line}`); // prettier-ignore
      }
    });
  }
});

describe('the options', () => {
  it('take one value each where a command takes arguments, which they would swallow', () => {
    for (const { name, command } of commands.filter((one) => one.command.registeredArguments.length > 0)) {
      const variadic = command.options.filter((option) => option.variadic).map(({ flags }) => flags);
      assert.deepEqual(variadic, [], name);
    }
  });
});

describe('the help', () => {
  for (const { name, command } of commands) {
    it(`of ${name} has examples and exit codes`, () => {
      let help = '';
      command.configureOutput({ writeOut: (text) => void (help += text) });
      command.outputHelp();
      const examples = [...help.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line]) => line ?? '');
      assert.ok(examples.length > 0 && examples.some((line) => line.includes(name)), help);
      assert.match(help, /^Exit codes:/m);
      assert.match(help, /--json/);
      assert.notEqual(command.description(), '');
    });
  }
});

function leavesOf(parent: Command, prefix: string): readonly { readonly name: string; readonly command: Command }[] {
  return parent.commands.flatMap((command) => {
    const name = `${prefix} ${command.name()}`;
    return command.commands.length === 0 ? [{ name, command }] : leavesOf(command, name);
  });
}

function optionsIn(heading: string): readonly string[] {
  const from = document.indexOf(`${heading}\n`);
  assert.ok(from >= 0, heading);
  const next = document.indexOf('\n## ', from + 1);
  const section = document.slice(from, next < 0 ? undefined : next);
  return [...section.matchAll(/^\| `(-[^`]+)` *\|/gm)].map(([, flags]) => flags ?? '');
}
