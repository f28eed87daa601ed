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
  pass(chunk: Uint8Array): Buffer | undefined;
}

export interface ReplyGuardOptions {
  /**
   * `values`: `+`, `-`, `:` and bulk strings. `messages`: what a subscriber gets: `+`, `-`, and arrays of two or three
   * bulk strings and integers.
   */
  readonly replies: 'values' | 'messages';
  /** Longest bulk string, bytes. */
  readonly maxBulkBytes: number;
}

/** Longest line, bytes: errors are sentences. */
const maxLineBytes = 1_024;

const [cr, lf] = [13, 10];

export function createReplyGuard(options: ReplyGuardOptions): ReplyGuard {
  const topLevel = options.replies === 'values' ? '+-:$' : '+-*';
  let line = '';
  /** Bytes of a bulk string, its line end included, that are still to come. */
  let bulkLeft = 0;
  /** Elements of an array that are still to come. */
  let elementsLeft = 0;

  /** Takes a whole line; false: it is none of ours. */
  function takeLine(): boolean {
    const type = line.charAt(0);
    const rest = line.slice(1);
    if (!(elementsLeft > 0 ? ':$' : topLevel).includes(type)) return false;
    if (elementsLeft > 0) elementsLeft -= 1;
    switch (type) {
      case '+':
      case '-':
        return rest.length >= 2;
      case ':':
        return /^-?\d{1,15}$/.test(rest);
      case '$':
        if (!/^(0|[1-9]\d{0,8})$/.test(rest) || Number(rest) > options.maxBulkBytes) return false;
        bulkLeft = Number(rest) + 2;
        return true;
      case '*':
        if (rest !== '2' && rest !== '3') return false;
        elementsLeft = Number(rest);
        return true;
      default:
        return false;
    }
  }

  function takeByte(byte: number): boolean {
    if (bulkLeft > 0) {
      bulkLeft -= 1;
      if (bulkLeft === 1) return byte === cr;
      return bulkLeft > 1 || byte === lf;
    }
    if (line.endsWith('\r')) {
      if (byte !== lf) return false;
      line = line.slice(0, -1);
      const isFine = takeLine();
      line = '';
      return isFine;
    }
    if (byte === lf || line.length >= maxLineBytes) return false;
    line += String.fromCharCode(byte);
    return true;
  }

  return {
    pass(chunk) {
      const held = Buffer.from(line, 'latin1');
      /** End of what is whole: a line, or a piece of a bulk string. */
      let whole = 0;
      for (let i = 0; i < chunk.length; i += 1) {
        // Most bytes are inside bulk strings: those but the line end need no look.
        if (bulkLeft > 2) {
          const skipped = Math.min(bulkLeft - 2, chunk.length - i);
          bulkLeft -= skipped;
          i += skipped - 1;
        } else if (!takeByte(chunk[i] ?? 0)) {
          return undefined;
        }
        if (line === '') whole = i + 1;
      }
      return whole === 0 ? Buffer.alloc(0) : Buffer.concat([held, chunk.subarray(0, whole)]);
    },
  };
}
