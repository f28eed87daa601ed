import { Client, type ClientConfig, type Notification } from 'pg';
import type { Cancel, Clock, Log } from '../../core/ports.ts';
import { sever } from './client.ts';
import { reasonOf } from './faults.ts';

/** LISTEN on a connection of its own, which comes back by itself. What it hears is only a reason to read. */
export interface Hints {
  close(): void;
}

export interface HintsOptions {
  readonly config: ClientConfig;
  readonly channel: string;
  /** Our own name: what we announce is no news to us. */
  readonly sender: string;
}

export interface HintsDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Announces on the channel, by the path that commits take. */
  readonly announce: (payload: string) => Promise<unknown>;
  readonly onHint: (revision: number) => void;
}

/** How often a silent connection is asked whether it still lives, and how long for an answer; milliseconds. */
const askEveryMs = 5_000;
const answerWithinMs = 2_000;
/** How long an announcement of our own may take to come back. */
const heardWithinMs = 3_000;

/** Waits after a failed attempt: 100 ms, doubled up to 5 s, and up to a fifth more so that sidecars do not come in step. */
function backoffMs(attempts: number): number {
  return Math.min(5_000, 100 * 2 ** Math.min(attempts, 8)) * (1 + Math.random() / 5);
}

export function startHints(options: HintsOptions, deps: HintsDeps): Hints {
  const { clock, log } = deps;
  const { channel, sender } = options;
  const probe = `${sender}:probe`;
  let attempts = 0;
  let told = false;
  let isOver = false;
  let current: Client | undefined;
  let cancels: readonly Cancel[] = [];
  let onProbe: () => void = () => undefined;

  async function connect(): Promise<void> {
    const client = new Client(options.config);
    current = client;
    client.on('notification', hear);
    client.on('error', (error) => lose(client, error));
    client.on('end', () => lose(client, undefined));
    try {
      await client.connect();
      await client.query(`LISTEN "${channel}"`);
    } catch (error) {
      lose(client, error);
      return;
    }
    if (current !== client) return;
    const wasAway = told;
    attempts = 0;
    told = false;
    if (wasAway) log.info('store_hints_back');
    cancels = [clock.every(askEveryMs, () => ask(client)), await test(client)];
  }

  function hear({ payload = '' }: Notification): void {
    if (payload === probe) onProbe();
    const [from, revision = ''] = payload.split(':');
    // Anybody who may connect may have sent it.
    if (from !== sender && /^\d{1,15}$/.test(revision)) deps.onHint(Number(revision));
  }

  /** Does what a commit announces arrive here? Behind a pooler that lends connections by the transaction it does not. */
  async function test(client: Client): Promise<Cancel> {
    const giveUp = clock.after(heardWithinMs, () => {
      if (current !== client) return;
      log.warn('store_hints_unheard', {
        problem: 'what a commit announces does not arrive: changes are only polled',
        fix: 'a pooler stands between: name the server itself with listen_host and listen_port in the URL of the store, or listen=off',
      });
    });
    onProbe = giveUp;
    await deps.announce(probe).catch(() => undefined);
    return giveUp;
  }

  function ask(client: Client): void {
    const giveUp = clock.after(answerWithinMs, () => lose(client, new Error('timeout')));
    client.query('SELECT 1').then(giveUp, (error: unknown) => {
      giveUp();
      lose(client, error);
    });
  }

  /** Once for each outage, not once for each attempt. */
  function lose(client: Client, error: unknown): void {
    if (current !== client) return;
    for (const cancel of cancels) cancel();
    current = undefined;
    sever(client);
    if (isOver) return;
    if (!told) log.warn('store_hints_lost', { reason: error === undefined ? 'the connection broke' : reasonOf(error) });
    told = true;
    cancels = [clock.after(backoffMs(attempts++), () => void connect())];
  }

  void connect();
  return {
    close() {
      isOver = true;
      const client = current;
      if (client !== undefined) lose(client, undefined);
      for (const cancel of cancels) cancel();
    },
  };
}
