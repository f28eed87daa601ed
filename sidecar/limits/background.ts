/** Runs jobs that nobody waits for, so many at once; the others wait in their order. A job must not reject. */
export function createBackground(atOnce: number): (job: () => Promise<unknown>) => void {
  const queue: (() => Promise<unknown>)[] = [];
  let running = 0;

  function run(job: () => Promise<unknown>): void {
    running += 1;
    void job().finally(() => {
      running -= 1;
      const next = queue.shift();
      if (next !== undefined) run(next);
    });
  }

  return (job) => {
    if (running < atOnce) run(job);
    else queue.push(job);
  };
}
