import type { Command } from 'commander';
import type { Cli } from './cli.ts';

export interface IssuedToken {
  readonly id: string;
  readonly token: string;
  readonly consumer: string;
  readonly expires_at: string;
  readonly previous?: { readonly id: string; readonly expires_at: string };
}

/** The token alone goes to stdout, so that a script can take it; what there is to know about it goes to stderr. */
export function showIssued(answer: IssuedToken, self: Command, cli: Cli): void {
  cli.print(self, answer, () => {
    const { id, consumer, expires_at: until, previous, token } = answer;
    const { terminal } = cli;
    terminal.err(`Token ${id} of ${consumer}, until ${until}. It is shown this once:\n`);
    if (previous !== undefined) terminal.err(`The old one (${previous.id}) ends at ${previous.expires_at}.\n`);
    return token;
  });
}
