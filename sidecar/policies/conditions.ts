/** The only door to CEL: text → a function of what is asked. ADR 0016 says why so, and what an error means. */
import { createRequire } from 'node:module';
import type * as Cel from '@marcbachmann/cel-js';
import { readsNothing, type ConditionReads } from '../core/condition-reads.ts';
import type { RuleQuestion } from '../core/rule-index.ts';
import { readsOf } from './condition-reads.ts';
import { celRules, type ConditionProblem } from './condition-rules.ts';
import { Consumer, Local, Request, Source, Time, Token } from './condition-types.ts';
import { createZones, type Zones } from './zones.ts';

export interface Conditions {
  /** Everything that is wrong with an expression, with places inside it; none: it may be compiled. */
  problems(text: string): readonly ConditionProblem[];
  /** The function throws what evaluation throws. Throws a RangeError for a text that has problems. */
  compile(text: string): Evaluate;
  /** What an expression reads that the gateway must be told to pass; nothing for one that has problems. */
  reads(text: string): ConditionReads;
}

export type Evaluate = (question: RuleQuestion) => boolean;

export interface ConditionDeps {
  /** Throws a RangeError for what is neither an address nor a CIDR block. */
  readonly createAddressMatcher: (blocks: readonly string[]) => (address: string) => boolean;
  readonly zones?: Zones;
}

interface ReadCondition {
  readonly problems: readonly ConditionProblem[];
  readonly evaluate?: Evaluate;
  readonly reads?: ConditionReads;
}

export const maxConditionLength = 4_096;
/** Of kept expressions and address blocks; beyond them it begins anew. Many policies have one condition alike. */
const maxKept = 10_000;

export function createConditions({ createAddressMatcher, zones = createZones() }: ConditionDeps): Conditions {
  const matchers = new Map<string, (address: string) => boolean>();
  const compiled = new Map<string, Evaluate>();
  let lastAsked: WeakRef<RuleQuestion> | undefined;
  let lastSeen: object = {};

  function inside(address: string, block: string): boolean {
    let matches = matchers.get(block);
    if (matches === undefined) {
      matches = createAddressMatcher([block]);
      if (matchers.size >= maxKept) matchers.clear();
      matchers.set(block, matches);
    }
    return matches(address);
  }

  /** Several conditions of one decision see the same objects. */
  function see(asked: RuleQuestion): object {
    if (lastAsked?.deref() === asked) return lastSeen;
    lastAsked = new WeakRef(asked);
    lastSeen = {
      consumer: new Consumer(asked),
      token: new Token(asked),
      request: new Request(asked),
      source: new Source(asked),
      time: new Time(asked, zones),
    };
    return lastSeen;
  }

  let loaded: { readonly cel: typeof Cel; readonly environment: Cel.Environment } | undefined;
  const rules = celRules({ checkBlock: (block) => void createAddressMatcher([block]), checkZone: zones.check }); // prettier-ignore

  function read(text: string): ReadCondition {
    if (text.length > maxConditionLength) {
      return { problems: [{ message: `must have at most ${maxConditionLength} characters`, offset: 0 }] };
    }
    // Loaded at the first condition: without any, its 7 MB are not needed.
    loaded ??= loadCel(inside);
    const { cel, environment } = loaded;
    try {
      const parsed = environment.parse(text);
      const broken = rules(parsed.ast);
      const checked = parsed.check();
      const problems = checked.valid ? broken : [...broken, problemOf(checked.error)];
      if (problems.length > 0) return { problems };
      if (checked.type !== 'bool') {
        return {
          problems: [{ message: `must be true or false, but is of type ${checked.type ?? 'unknown'}`, offset: 0 }],
        };
      }
      return { problems, evaluate: (asked) => parsed(see(asked)) === true, reads: readsOf(parsed.ast) };
    } catch (error) {
      if (error instanceof cel.ParseError || error instanceof cel.TypeError) return { problems: [problemOf(error)] };
      throw error;
    }
  }

  return {
    problems: (text) => read(text).problems,
    reads: (text) => read(text).reads ?? readsNothing,
    compile(text) {
      const known = compiled.get(text);
      if (known !== undefined) return known;
      const { problems, evaluate } = read(text);
      if (evaluate === undefined) throw new RangeError(`the condition ${problems[0]?.message ?? 'cannot be read'}`);
      if (compiled.size >= maxKept) compiled.clear();
      compiled.set(text, evaluate);
      return evaluate;
    },
  };
}

function problemOf(error: Cel.ParseError | Cel.TypeError | undefined): ConditionProblem {
  const summary = error?.summary ?? 'cannot be read';
  return {
    message: `CEL: ${summary.charAt(0).toLowerCase()}${summary.slice(1)}`,
    offset: error?.range?.start ?? 0,
  };
}

function loadCel(inside: (address: string, block: string) => boolean): {
  readonly cel: typeof Cel;
  readonly environment: Cel.Environment;
} {
  const cel = createRequire(import.meta.url)('@marcbachmann/cel-js') as typeof Cel;
  return { cel, environment: createEnvironment(cel, inside) };
}

/** The typed set of docs/policies.md. */
function createEnvironment(cel: typeof Cel, inside: (address: string, block: string) => boolean): Cel.Environment {
  return new cel.Environment({
    unlistedVariablesAreDyn: false,
    limits: { maxAstNodes: 1_000, maxDepth: 50, maxListElements: 500, maxMapEntries: 100, maxCallArguments: 8 },
  })
    .registerType('Consumer', {
      ctor: Consumer,
      fields: { id: 'string', owner: 'string', groups: 'list<string>', labels: 'map<string, string>' },
    }) // prettier-ignore
    .registerType('Token', {
      ctor: Token,
      fields: { id: 'string', kind: 'string', scopes: 'list<string>', expires_at: 'google.protobuf.Timestamp' },
    }) // prettier-ignore
    .registerType('Request', {
      ctor: Request,
      fields: {
        method: 'string',
        path: 'string',
        segments: 'list<string>',
        query: 'map<string, list<string>>',
        model: 'string',
      },
    }) // prettier-ignore
    .registerType('Source', { ctor: Source, fields: { address: 'string' } })
    .registerType('Time', { ctor: Time, fields: { now: 'google.protobuf.Timestamp' } })
    .registerType('LocalTime', {
      ctor: Local,
      fields: { hour: 'int', minute: 'int', weekday: 'string', date: 'string' },
    }) // prettier-ignore
    .registerVariable('consumer', 'Consumer')
    .registerVariable('token', 'Token')
    .registerVariable('request', 'Request')
    .registerVariable('source', 'Source')
    .registerVariable('time', 'Time')
    .registerFunction('Request.header(string): string', (request: Request, name: string) => request.header(name))
    .registerFunction('Request.arg(string): string', (request: Request, name: string) => request.arg(name))
    .registerFunction('Source.inside(string): bool', (source: Source, block: string) => inside(source.address, block))
    .registerFunction('Time.at(string): LocalTime', (time: Time, zone: string) => time.at(zone));
}
