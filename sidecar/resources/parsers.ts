import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ParseAnswer, ParseRequest } from './parse-messages.ts';

/** A process that parses, for one load. */
export interface Parser {
  send(request: ParseRequest): void;
  /** Ends it, unless it has ended by itself; resolves when it is gone. */
  end(): Promise<void>;
}

/** Who is told what becomes of a parser. */
export interface ParserHeard {
  answered(answer: ParseAnswer): void;
  /** It ended, or cannot be reached; after its last answer that means nothing. */
  failed(error: Error): void;
}

export interface Parsers {
  start(heard: ParserHeard): Parser;
  /** Ends what runs. */
  close(): Promise<void>;
}

export interface ParsersOptions {
  /** The module that calls `serveParse`. */
  readonly processUrl: URL;
  /** Default `/bin/sh`; where there is none, each parser is forked by this process. */
  readonly shell?: string;
}

/**
 * V8 helps a thread that parses megabytes with as many others as it finds processors for, to compile and to collect
 * garbage: they would take every processor from the decisions. A parser of one thread leaves them all but one. It says
 * itself when it has left much garbage.
 */
const execArgv = ['--single-threaded', '--expose-gc'];

/** For each line that it reads: runs its arguments as a command, and says how that ended. */
const launcherScript = 'while read -r _; do "$@" </dev/null >/dev/null; echo "$?"; done';

/**
 * Processes for parsing, each for one load, so that its memory goes with it. A process of 150 MB that forks makes no decision
 * for some 6 ms (its page tables are copied, then it waits for the other one), and pays for each page that it writes to
 * afterwards. So a shell of 2 MB is started while this one is small, and forks the parsers in its place.
 */
export function createParsers({ processUrl, shell = '/bin/sh' }: ParsersOptions): Parsers {
  const module = fileURLToPath(processUrl);
  const running = new Set<Parser>();
  let launcher = startLauncher(shell, module);
  const hasShell = launcher !== undefined;
  return {
    start(heard) {
      if (hasShell && launcher?.hasEnded() !== false) launcher = startLauncher(shell, module);
      const forget = (): void => void running.delete(parser);
      const parser = launcher?.isIdle() === true ? launcher.run(heard, forget) : forkParser(module, heard, forget);
      running.add(parser);
      return parser;
    },
    async close() {
      await Promise.all([...running].map((parser) => parser.end()));
      await launcher?.end();
    },
  };
}

interface Launcher {
  isIdle(): boolean;
  hasEnded(): boolean;
  /** Only while idle. */
  run(heard: ParserHeard, onEnd: () => void): Parser;
  end(): Promise<void>;
}

/** Undefined: there is no such shell. */
function startLauncher(shell: string, module: string): Launcher | undefined {
  // No environment: a parser needs none, and what it does not have it cannot leak. A group of its own, to end with it.
  const child = spawn(shell, ['-c', launcherScript, 'parsers', process.execPath, ...execArgv, module], {
    env: {},
    detached: true,
    serialization: 'advanced',
    stdio: ['pipe', 'pipe', 'ignore', 'ipc'],
  });
  let job: { readonly heard: ParserHeard; readonly onEnd: () => void } | undefined;
  let hasEnded = false;
  const finish = (): void => {
    job?.onEnd();
    job?.heard.failed(endedEarly());
    job = undefined;
  };
  const fail = (error: Error): void => job?.heard.failed(error);
  child.on('error', fail);
  child.stdin?.on('error', fail);
  child.on('message', (answer: ParseAnswer) => job?.heard.answered(answer));
  child.on('exit', () => {
    hasEnded = true;
    finish();
  });
  if (child.pid === undefined) return undefined;
  giveWay(child.pid);
  const group = -child.pid;
  const end = async (): Promise<void> => {
    if (hasEnded) return;
    const exited = once(child, 'exit');
    process.kill(group, 'SIGKILL');
    await exited;
  };
  child.stdout?.on('data', (status: Buffer) => {
    // After this turn: what the parser said last was there before, yet may be read after.
    if (status.toString() === '0\n') setImmediate(finish);
    // What a parser left half said would be taken for the beginning of what the next one says.
    else void end();
  });
  return {
    isIdle: () => job === undefined && !hasEnded,
    hasEnded: () => hasEnded,
    end,
    run(heard, onEnd) {
      const mine = { heard, onEnd };
      job = mine;
      child.stdin?.write('\n');
      return {
        send: (request) => send(child, request, heard),
        async end() {
          if (job === mine) await end();
        },
      };
    },
  };
}

function forkParser(module: string, heard: ParserHeard, onEnd: () => void): Parser {
  const child = fork(module, [], {
    env: {},
    execArgv,
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  if (child.pid !== undefined) giveWay(child.pid);
  child.on('message', (answer: ParseAnswer) => heard.answered(answer));
  child.on('error', (error) => heard.failed(error));
  child.on('exit', () => {
    onEnd();
    // After this turn, for the same reason as with the shell.
    setImmediate(() => heard.failed(endedEarly()));
  });
  return {
    send: (request) => send(child, request, heard),
    async end() {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function send(child: ChildProcess, request: ParseRequest, heard: ParserHeard): void {
  child.send(request, (error) => {
    if (error !== null) heard.failed(error);
  });
}

/** After the decisions, wherever the two want the same processor. What the process starts does the same. */
function giveWay(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // Gone already, which its exit tells, or not permitted here: then it is as important as the rest.
  }
}

const endedEarly = (): Error => new Error('the parser ended early');
