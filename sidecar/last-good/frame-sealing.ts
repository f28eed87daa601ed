/** What sealing the keys family offers; named here because families do not know each other. */
export interface FrameSealing {
  /** A sequence of frames that opens whole, in order, and under this binding only. */
  begin(binding: string): { readonly head: Buffer; seal(text: string, last: boolean): Buffer };
  /** Throws for anything else than a whole sequence of this binding and master key. */
  open(binding: string, sealed: Buffer): Iterable<string>;
}
