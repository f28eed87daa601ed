/**
 * Lets only replies through that a well-behaved server can send to the few commands we use. The client's decoder trusts
 * its server: a nil, a push frame or a short array where it expects something else is thrown out of the event loop and
 * ends the process (ioredis 6.0.0), and a bulk string may announce half a gigabyte.
 */
export interface ReplyGuard {
  /**
   * What may be handed on now: a line is held back until it is whole and fine (the decoder acts on its first bytes).
   * Undefined: something that is no reply of ours; the connection must go.
   */
  pass(chunk: Buffer): Buffer | undefined;
}

export interface ReplyGuardOptions {
  readonly replies: keyof typeof shapes;
  /** Longest bulk string, bytes. */
  readonly maxBulkBytes: number;
}

interface Shape {
  /** Types of a reply, and of what is inside an array. */
  readonly top: string;
  readonly inside: string;
  /** How many elements an array may have. */
  readonly fits: (elements: number) => boolean;
  /** Arrays inside arrays. */
  readonly maxDepth: number;
  /** Whether there may be none of a thing (`*-1`, and `$-1` inside an array). */
  readonly nil: boolean;
  /** Elements of all arrays on one connection. */
  readonly maxElements: number;
}

const lasting = Number.POSITIVE_INFINITY;

const shapes = {
  /** To GETRANGE, SET, DEL, PUBLISH, EVAL (of ours), PING, INFO. */
  values: { top: '+-:$', inside: '', fits: () => false, maxDepth: 0, nil: false, maxElements: 0 },
  /** To SUBSCRIBE, and what follows it. */
  messages: {
    top: '+-*',
    inside: ':$',
    fits: (n) => n === 2 || n === 3,
    maxDepth: 1,
    nil: false,
    maxElements: lasting,
  },
  /** To SENTINEL GET-MASTER-ADDR-BY-NAME. */
  address: { top: '+-*', inside: '$', fits: (n) => n === 2, maxDepth: 1, nil: true, maxElements: 2 },
  /** To CLUSTER SLOTS: ranges of nodes of metadata. */
  slots: { top: '+-*', inside: ':$*', fits: (n) => n <= 16_384, maxDepth: 4, nil: true, maxElements: 200_000 },
} as const satisfies Readonly<Record<string, Shape>>;

/** Longest line, bytes: errors are sentences. */
const maxLineBytes = 1_024;

const [cr, lf] = [13, 10];

export function createReplyGuard(options: ReplyGuardOptions): ReplyGuard {
  const shape: Shape = shapes[options.replies];
  let line = '';
  /** Bytes of a bulk string, its line end included, that are still to come. */
  let bulkLeft = 0;
  /** Elements that are still to come of each array that is open, the innermost last. */
  const open: number[] = [];
  let elements = 0;

  /** Takes a whole line; false: it is none of ours. */
  function takeLine(): boolean {
    const type = line.charAt(0);
    const isInside = open.length > 0;
    if (type === '' || !(isInside ? shape.inside : shape.top).includes(type)) return false;
    if (isInside) open.push((open.pop() ?? 1) - 1);
    const isFine = takeReply(type, line.slice(1), isInside);
    while (open.at(-1) === 0) open.pop();
    return isFine;
  }

  function takeReply(type: string, rest: string, isInside: boolean): boolean {
    if (type === '+' || type === '-') return rest.length >= 2;
    if (type === ':') return /^-?\d{1,15}$/.test(rest);
    if (rest === '-1') return shape.nil && isInside === (type === '$');
    if (!/^(0|[1-9]\d{0,8})$/.test(rest)) return false;
    const count = Number(rest);
    if (type === '$') {
      bulkLeft = count + 2;
      return count <= options.maxBulkBytes;
    }
    elements += count;
    if (!shape.fits(count) || open.length >= shape.maxDepth || elements > shape.maxElements) return false;
    open.push(count);
    return true;
  }

  /** Takes the rest of a line without its line feed, or all that came of it so far; false: it is none of ours. */
  function takeText(text: string, isWhole: boolean): boolean {
    line += text;
    const end = line.indexOf('\r');
    if (line.length > maxLineBytes || (end >= 0 && end < line.length - 1)) return false;
    if (!isWhole) return true;
    if (end < 0) return false;
    line = line.slice(0, end);
    const isFine = takeLine();
    line = '';
    return isFine;
  }

  return {
    pass(chunk) {
      const held = line;
      /** End of what is whole: a line, or a piece of a bulk string. */
      let whole = 0;
      let at = 0;
      while (at < chunk.length) {
        if (bulkLeft > 2) {
          // Most bytes are inside bulk strings: those but the line end need no look.
          const skipped = Math.min(bulkLeft - 2, chunk.length - at);
          bulkLeft -= skipped;
          at += skipped;
        } else if (bulkLeft > 0) {
          if (chunk[at] !== (bulkLeft === 2 ? cr : lf)) return undefined;
          bulkLeft -= 1;
          at += 1;
        } else {
          const end = chunk.indexOf(lf, at);
          const isWhole = end >= 0;
          if (!takeText(chunk.toString('latin1', at, isWhole ? end : chunk.length), isWhole)) return undefined;
          if (!isWhole) break;
          at = end + 1;
        }
        whole = at;
      }
      if (held === '' && whole === chunk.length) return chunk;
      return whole === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from(held, 'latin1'), chunk.subarray(0, whole)]);
    },
  };
}
