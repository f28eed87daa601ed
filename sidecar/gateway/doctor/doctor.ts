import type { Clock } from '../../core/ports.ts';
import type { Preset } from '../../core/preset.ts';
import type { UpstreamSpec } from '../../core/resources.ts';
import { Secret } from '../../core/secret.ts';
import type { Wiring } from '../render/wiring.ts';
import { awaitRoutes, examine } from './examine.ts';
import type { Finding } from './finding.ts';
import type { Like } from './like.ts';
import { emptiedOf, isBoundByRoute, readLike } from './like.ts';
import type { DoctorNames } from './names.ts';
import { namesFor } from './names.ts';
import type { Arrival, Caller, LogFile, Reply, RoutePlace, SidecarAdmin } from './ports.ts';
import type { Probe } from './probe.ts';
import { doctorRoutes } from './routes.ts';
import { setUpSidecar, steeringHeaders, upstreamDocument } from './sidecar-setup.ts';
import { createUndoList } from './undo.ts';

export interface DoctorOptions {
  /** Origin of the sidecar as the gateway reaches it. */
  readonly sidecarUrl: string;
  /** Origin of the doctor's server as the gateway reaches it; undefined: where it listens. */
  readonly serverUrl: string | undefined;
  readonly wiring: Wiring;
  readonly logFiles: readonly LogFile[];
  /** Id of the gateway's route whose settings are to be proved; undefined: what `render` makes. */
  readonly like: string | undefined;
  /** How long the gateway may take to have the routes; milliseconds. */
  readonly routesWithinMs: number;
}

export interface DoctorDeps {
  readonly admin: SidecarAdmin;
  readonly place: RoutePlace;
  readonly caller: Caller;
  /** Starts the server that is upstream, log endpoint and, for one route, the asked one. */
  readonly startServer: (answer: (arrival: Arrival) => Reply) => Promise<{
    readonly url: string;
    readonly received: readonly Arrival[];
    stop(): Promise<void>;
  }>;
  readonly readUpstream: (document: Readonly<Record<string, unknown>>) => UpstreamSpec;
  readonly presets: ReadonlyMap<string, Preset>;
  readonly clock: Clock;
  /** So many characters by chance, letters and digits. */
  readonly random: (length: number) => string;
  /** Aborted: no further step, only what must be taken back. */
  readonly signal: AbortSignal;
  /** For people who wait. */
  readonly say: (what: string) => void;
}

export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** What could not be removed, and why. */
  readonly left: readonly string[];
  /** Why it could not be brought to its end. */
  readonly failure: unknown;
}

const pollMs = 200;

/** Sets everything up, examines, and takes everything back whatever happened. Never rejects. */
export async function runDoctor(options: DoctorOptions, deps: DoctorDeps): Promise<DoctorReport> {
  const undo = createUndoList();
  const report = { findings: [] as readonly Finding[], failure: undefined as unknown };
  try {
    report.findings = await diagnose(options, deps, undo);
  } catch (error) {
    report.failure = error;
  }
  deps.say('taking everything back');
  return { ...report, left: await undo.run() };
}

async function diagnose(
  options: DoctorOptions,
  deps: DoctorDeps,
  undo: ReturnType<typeof createUndoList>,
): Promise<readonly Finding[]> {
  const { admin, place, clock, random, signal } = deps;
  const like = options.like === undefined ? undefined : await likeOf(options.like, place);
  const rewrites = like === undefined || like.proxyRewrite !== undefined;
  const names = namesFor(random(10).toLowerCase(), { rewrites });
  const canary = new Secret(`cfcanary${random(32)}`);
  const stopped = (): void => {
    if (signal.aborted) throw new RangeError('it was interrupted');
  };
  const server = await deps.startServer(answerOf(names));
  undo.push('the server of this command', () => server.stop());
  const serverUrl = options.serverUrl ?? server.url;
  const upstream = upstreamDocument(names, serverUrl);
  const spec = deps.readUpstream(upstream);

  stopped();
  deps.say('making a consumer, a token, a credential and a policy at the sidecar');
  const token = await setUpSidecar({ names, upstream, canary, nowMs: clock.now() }, { admin, undo });
  stopped();
  deps.say('making three routes at the gateway');
  const { sidecarUrl, wiring } = options;
  undo.push(`the routes ${names.id}* at the gateway`, () => place.remove());
  await place.add(doctorRoutes({ names, spec, sidecarUrl, serverUrl, wiring, logKey: random(40), like }, deps));

  let routed = 0;
  const probe: Probe = {
    names,
    canary,
    token,
    caller: {
      async send(request) {
        const reply = await deps.caller.send(request);
        if (reply.status !== 404) routed += 1;
        return reply;
      },
    },
    arrived: server.received,
    logFiles: options.logFiles,
    steering: like === undefined ? steeringHeaders : emptiedOf(like, steeringHeaders),
    boundByRoute: like === undefined ? wiring.bindBy === 'route' : isBoundByRoute(like),
    routed: () => routed,
    nextMark: () => random(16),
    until: (holds, ms) => until(holds, ms, { clock, stopped }),
  };
  deps.say('waiting until the gateway has them');
  const first = await awaitRoutes(probe, options.routesWithinMs);
  deps.say('sending requests');
  return examine(probe, { first, wrongToken: otherThan(token.reveal(), random), stopped });
}

async function likeOf(id: string, place: RoutePlace): Promise<Like> {
  const route = await place.read(id);
  if (route !== undefined) return readLike(route, id);
  throw new RangeError(`the gateway has no route ${id} (with an Admin API only labelled ones can be read)`);
}

/** A token of the same shape: its random part is another one. */
function otherThan(token: string, random: (length: number) => string): string {
  const [scheme = 'cf', keyId = '1', body = ''] = token.split('_');
  return `${scheme}_${keyId}_${random(body.length)}`;
}

/** An allow without a header for a question; the upstream echoes nothing, for what it got is in the record. */
function answerOf({ logPath, questionPath }: DoctorNames): (arrival: Arrival) => Reply {
  return ({ target }) => {
    const [path] = target.split('?');
    if (path === logPath || path === questionPath) return { status: 200, headers: {}, body: '' };
    return { status: 200, headers: { 'content-type': 'application/json' }, body: '{"upstream":"reached"}' };
  };
}

async function until(
  holds: () => boolean | Promise<boolean>,
  ms: number,
  { clock, stopped }: { readonly clock: Clock; readonly stopped: () => void },
): Promise<boolean> {
  const due = clock.monotonic() + ms;
  for (;;) {
    stopped();
    if (await holds()) return true;
    if (clock.monotonic() >= due) return false;
    await new Promise<void>((resolve) => void clock.after(pollMs, resolve));
  }
}
