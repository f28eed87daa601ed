import type { DecisionRecord } from '../core/decision-record.ts';
import type { Decision } from '../core/decision.ts';
import { pathOf } from '../core/path.ts';
import { createTextRing } from './text-ring.ts';

/** The last decisions, in memory: for explaining them and for trying other policies on them. */
export interface RecentDecisions {
  /** Hot path. */
  add(decision: Decision): void;
  find(id: string): DecisionRecord | undefined;
  /** The newest first. */
  list(limit: number): readonly DecisionRecord[];
  size(): { readonly records: number; readonly bytes: number };
}

export interface RecentOptions {
  /** Records kept at most; default 10,000. */
  readonly maxRecords?: number;
  /** Bytes that their texts may take; default 4 MiB, which 10,000 of the usual length do not fill. */
  readonly maxBytes?: number;
  /** Whether a header other than the address and the model may be read by a condition. */
  readonly isReadable: (name: string) => boolean;
  /** Most headers of one decision that are kept. */
  readonly maxHeaders?: number;
}

/** What every decision has, and what conditions most often read. */
const address = 'x-forwarded-for';
const model = 'x-cf-arg-model';
const maxPathLength = 1_024;
const maxTextLength = 128;
/** Groups of one token that are kept; lists of more are few, and long. */
const maxGroups = 50;

/**
 * Texts that are shared with the snapshot and with what is known of tokens; the request's own are bytes in the ring. A
 * slot is used again for another decision, so that remembering leaves nothing to collect: objects made for each decision
 * live just long enough to be moved about by the collector, which cost more than all the rest of a record.
 */
interface Slot {
  atMs: number;
  outcome: string;
  gateway: string;
  upstream: string;
  rewritten: boolean;
  consumer: string;
  token: string;
  scopes: readonly string[] | undefined;
  /** Of another issuer's token; empty: it was none. */
  issuer: string;
  tokenGroups: readonly string[] | undefined;
  tokenScopes: readonly string[];
  revocationKeys: readonly string[];
  issuedAtMs: number;
  policy: string;
  credentialVersion: string;
  headerNames: readonly string[];
}

const noNames: readonly string[] = [];

export function createRecentDecisions(options: RecentOptions): RecentDecisions {
  const { maxRecords = 10_000, maxBytes = 4 * 1_048_576, maxHeaders = 8, isReadable } = options;
  const slots: Slot[] = [];
  const texts = createTextRing({ maxTexts: maxRecords, maxBytes });
  let lastNames = noNames;

  /** The list of the decision before, where it is the same: nearly always. */
  function namesOf({ deliberation: { snapshot, question } }: Decision): readonly string[] {
    const { headers } = question;
    const names: string[] = [];
    if (headers[address] !== undefined) names.push(address);
    if (headers[model] !== undefined) names.push(model);
    // Others only where a policy reads any: looking through all names costs a tenth of a decision.
    if (snapshot.hasConditions) {
      for (const name in headers) {
        if (names.length >= maxHeaders) break;
        if (headers[name] !== undefined && name !== address && name !== model && isReadable(name)) names.push(name);
      }
    }
    if (names.length !== lastNames.length || names.some((name, at) => name !== lastNames[at])) lastNames = names;
    return lastNames;
  }

  function slotAt(at: number): Slot {
    return (slots[at] ??= {
      atMs: 0,
      outcome: '',
      gateway: '',
      upstream: '',
      rewritten: false,
      consumer: '',
      token: '',
      scopes: undefined,
      issuer: '',
      tokenGroups: noNames,
      tokenScopes: noNames,
      revocationKeys: noNames,
      issuedAtMs: 0,
      policy: '',
      credentialVersion: '',
      headerNames: noNames,
    });
  }

  function recordAt(at: number): DecisionRecord {
    const { headerNames, issuer, tokenGroups, tokenScopes, revocationKeys, issuedAtMs, ...shared } = slotAt(at);
    const issued =
      issuer === '' ? undefined : { issuer, groups: tokenGroups, scopes: tokenScopes, revocationKeys, issuedAtMs };
    const [id = '', requestId = '', method = '', path = '', ...values] = texts.read(at).split(separator);
    const headers = Object.fromEntries(headerNames.map((name, index) => [name, values[index] ?? '']));
    return { id, requestId, method, path, headers, issued, ...shared };
  }

  return {
    add(decision) {
      const d = decision.deliberation;
      const { headers } = d.question;
      const headerNames = namesOf(decision);
      let text =
        d.decisionId +
        separator +
        shortened(d.requestId, maxTextLength) +
        separator +
        shortened(d.method, maxTextLength) +
        separator +
        shortened(pathOf(d.target), maxPathLength);
      for (const name of headerNames) text += separator + shortened(headers[name] ?? '', maxTextLength);

      const slot = slotAt(texts.add(text));
      const rewritten = headers['x-cf-upstream-uri'];
      slot.atMs = d.nowMs;
      slot.outcome = decision.outcome === 'allow' ? 'allow' : decision.code;
      slot.gateway = d.gateway?.id ?? '';
      slot.upstream = d.upstream?.id ?? '';
      slot.rewritten = rewritten !== undefined && rewritten !== '';
      slot.consumer = d.consumerId;
      slot.token = d.tokenId;
      slot.scopes = d.token?.policies;
      const issued = d.token?.issued;
      slot.issuer = issued?.issuer.id ?? '';
      slot.tokenGroups =
        issued === undefined || issued.groups.length <= maxGroups ? (issued?.groups ?? noNames) : undefined;
      slot.tokenScopes = issued?.scopes ?? noNames;
      slot.revocationKeys = issued?.revocationKeys ?? noNames;
      slot.issuedAtMs = issued?.issuedAtMs ?? 0;
      slot.policy = d.policyId;
      slot.credentialVersion = d.credential?.versionId ?? '';
      slot.headerNames = headerNames;
    },
    find(id) {
      const start = id + separator;
      for (const at of texts.newestFirst()) if (texts.read(at).startsWith(start)) return recordAt(at);
      return undefined;
    },
    list(limit) {
      const newest: DecisionRecord[] = [];
      for (const at of texts.newestFirst()) {
        if (newest.length >= limit) break;
        newest.push(recordAt(at));
      }
      return newest;
    },
    size() {
      const { texts: records, bytes } = texts.size();
      return { records, bytes };
    },
  };
}

/** No header holds one (RFC 9110, section 5.5), and nothing else is put into a record's text. */
const separator = '\n';

function shortened(text: string, most: number): string {
  return text.length <= most ? text : text.slice(0, most);
}
