import { parseArgs } from 'node:util';

export interface Wanted {
  /** Check the curl lines and end. */
  readonly once: boolean;
  readonly json: boolean;
}

export const usage = `Usage: npm run demo [-- options]

  --once   check each curl line and end: exit code 0, or 1 with what failed
  --json   print JSON, for programs
  --help   show this

Without --once it stays up for the curl lines that it prints, until Ctrl-C.
`;

/** A text other than `help` says what is wrong. */
export function readArguments(args: readonly string[]): Wanted | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { once: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help === true) return 'help';
    return { once: values.once === true, json: values.json === true };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
