/** Longer than the routes that are shipped let a request take; an end that no log told of is taken for one. */
const longestMs = 600_000;

/** Requests that this process decided on and whose end nobody has told of. */
export interface UnderWay {
  size(): number;
  /** Without an id its end would never be seen, so it is not remembered. */
  begin(id: string, nowMs: number): void;
  /** False: it was not under way. */
  end(id: string): boolean;
  /** Those that began too long ago. */
  forgetLost(nowMs: number): void;
}

export function createUnderWay(): UnderWay {
  /** Began at; in the order of their beginning. */
  const began = new Map<string, number>();
  return {
    size: () => began.size,
    begin(id, nowMs) {
      if (id !== '') began.set(id, nowMs);
    },
    end: (id) => began.delete(id),
    forgetLost(nowMs) {
      for (const [id, beganMs] of began) {
        if (beganMs + longestMs > nowMs) return;
        began.delete(id);
      }
    },
  };
}
