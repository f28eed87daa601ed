/** What must be taken back, whatever happens. */
export interface UndoList {
  /** Named before it is done: a step whose answer was lost is taken back as well. `what` is for people. */
  push(what: string, undo: () => Promise<unknown>): void;
  /** Takes back the last first; goes on where one fails. Resolves with what is left, and why. */
  run(): Promise<readonly string[]>;
}

export function createUndoList(): UndoList {
  const steps: { readonly what: string; readonly undo: () => Promise<unknown> }[] = [];
  return {
    push(what, undo) {
      steps.push({ what, undo });
    },
    async run() {
      const left: string[] = [];
      for (const { what, undo } of steps.splice(0).toReversed()) {
        try {
          await undo();
        } catch (error) {
          left.push(`${what} (${error instanceof Error ? error.message : 'it failed'})`);
        }
      }
      return left;
    },
  };
}
