/** What `when:` sees, as docs/policies.md describes it. Nothing is read before an expression reads it. */
import { argHeaderPrefix } from '../core/condition-reads.ts';
import { queryOf } from '../core/path.ts';
import type { RuleQuestion } from '../core/rule-index.ts';
import type { LocalTime, Zones } from './zones.ts';

/** A condition read what the request does not say, or says in two ways: an evaluation error. */
class Unknown extends Error {}

export class Consumer {
  readonly #asked: RuleQuestion;
  constructor(asked: RuleQuestion) {
    this.#asked = asked;
  }
  get id(): string {
    return this.#asked.consumerId;
  }
  get owner(): string {
    return this.#asked.owner;
  }
  get groups(): readonly string[] {
    return this.#asked.groups;
  }
  get labels(): ReadonlyMap<string, string> {
    // A map, not the object: `labels.constructor` must be a missing label.
    return new Map(Object.entries(this.#asked.labels));
  }
}

export class Token {
  readonly #asked: RuleQuestion;
  constructor(asked: RuleQuestion) {
    this.#asked = asked;
  }
  get id(): string {
    return this.#facts.tokenId;
  }
  get kind(): string {
    if (this.#facts.tokenId === '') return '';
    return this.#facts.issued === undefined ? 'opaque' : 'jwt';
  }
  get scopes(): readonly string[] {
    return this.#facts.issued?.scopes ?? this.#facts.policies ?? [];
  }
  get expires_at(): Date {
    return new Date(Math.min(this.#facts.expiresAtMs, latestMs));
  }
  get #facts() {
    const { token } = this.#asked;
    if (token === undefined) throw new Unknown('there is no token');
    return token;
  }
}

/** The last moment that a timestamp of CEL can be: the end of the year 9999. */
const latestMs = Date.parse('9999-12-31T23:59:59Z');

export class Request {
  readonly #asked: RuleQuestion;
  #query: ReadonlyMap<string, readonly string[]> | undefined;
  constructor(asked: RuleQuestion) {
    this.#asked = asked;
  }
  get method(): string {
    return this.#asked.method;
  }
  get path(): string {
    return `/${this.#asked.segments.join('/')}`;
  }
  get segments(): readonly string[] {
    return this.#asked.segments;
  }
  get query(): ReadonlyMap<string, readonly string[]> {
    return (this.#query ??= parseQuery(queryOf(this.#asked.target)));
  }
  get model(): string {
    return this.arg('model');
  }
  /** Empty where the client sent none. */
  header(name: string): string {
    return readHeader(this.#asked, name) ?? '';
  }
  /** Empty where the body has no such field; unknown where the gateway does not say. */
  arg(name: string): string {
    const value = readHeader(this.#asked, argHeaderPrefix + name.toLowerCase());
    if (value === undefined) throw new Unknown(`the gateway does not pass X-CF-Arg-${name}`);
    return value;
  }
}

export class Source {
  readonly #asked: RuleQuestion;
  constructor(asked: RuleQuestion) {
    this.#asked = asked;
  }
  /** forward-auth writes it itself: one address, the client's. */
  get address(): string {
    const address = readHeader(this.#asked, 'x-forwarded-for')?.trim();
    if (address === undefined || address === '') throw new Unknown('the gateway does not say where the client is');
    return address;
  }
}

export class Time {
  readonly #asked: RuleQuestion;
  readonly #zones: Zones;
  constructor(asked: RuleQuestion, zones: Zones) {
    this.#asked = asked;
    this.#zones = zones;
  }
  get now(): Date {
    return new Date(this.#asked.nowMs);
  }
  at(zone: string): Local {
    return new Local(this.#zones.at(zone, this.#asked.nowMs));
  }
}

/** `int` of CEL is a bigint. */
export class Local {
  readonly #time: LocalTime;
  constructor(time: LocalTime) {
    this.#time = time;
  }
  get hour(): bigint {
    return BigInt(this.#time.hour);
  }
  get minute(): bigint {
    return BigInt(this.#time.minute);
  }
  get weekday(): string {
    return this.#time.weekday;
  }
  get date(): string {
    return this.#time.date;
  }
}

function readHeader({ sent }: RuleQuestion, name: string): string | undefined {
  if (sent.conflicting.includes(name)) throw new Unknown(`${name} was sent twice, with different values`);
  return sent.headers[name];
}

/** As forms are encoded; a broken escape stays as it is. Values in the order in which they came. */
function parseQuery(query: string): ReadonlyMap<string, readonly string[]> {
  const parsed = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(query)) {
    const values = parsed.get(name);
    if (values === undefined) parsed.set(name, [value]);
    else values.push(value);
  }
  return parsed;
}
