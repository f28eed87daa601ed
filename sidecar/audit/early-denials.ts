import type { Denial } from '../core/decision.ts';
import { bounded } from './bounded.ts';

export interface EarlyDenials {
  add(denial: Denial): void;
  /** A line for each cell since the last call. */
  take(nowMs: number): readonly string[];
}

interface Cell {
  count: number;
  /** Of the first denial: the answer carried it in `x-cf-decision`. */
  readonly decisionId: string;
}

/** Cells beyond this many in one interval count under this source. */
const others = 'other';
const addressPattern = /^[0-9A-Fa-f:.]{2,45}$/;

/**
 * Denials before authentication, counted by reason and source: a flood of wrong keys costs a line a second for each
 * source, not one for each request. At most `maxCells` of them at once.
 */
export function createEarlyDenials(options: { readonly maxCells: number }): EarlyDenials {
  let cells = new Map<string, Map<string, Cell>>();
  let size = 0;

  function cellOf(code: string, source: string, decisionId: string): Cell {
    let bySource = cells.get(code);
    if (bySource === undefined) cells.set(code, (bySource = new Map<string, Cell>()));
    const known = bySource.get(source);
    if (known !== undefined) return known;
    if (size >= options.maxCells && source !== others) return cellOf(code, others, decisionId);
    const cell = { count: 0, decisionId };
    bySource.set(source, cell);
    size++;
    return cell;
  }

  return {
    add(denial) {
      const { decisionId } = denial.deliberation;
      cellOf(denial.code, sourceOf(denial), decisionId).count++;
    },
    take(nowMs) {
      if (size === 0) return [];
      const time = new Date(nowMs).toISOString();
      const lines = [...cells].flatMap(([code, bySource]) =>
        [...bySource].map(([source, { count, decisionId }]) =>
          JSON.stringify({ time, event: 'early_denials', code, source, count, first_decision: decisionId }),
        ),
      );
      cells = new Map();
      size = 0;
      return lines;
    },
  };
}

/** The client's address where a gateway vouches for it, else the peer's. */
function sourceOf({ deliberation: d }: Denial): string {
  const forwarded = d.gateway === undefined ? undefined : d.question.headers['x-forwarded-for'];
  const address = forwarded ?? d.question.address;
  if (address === '') return 'local';
  return addressPattern.test(address) ? bounded(address, 45) : 'unknown';
}
