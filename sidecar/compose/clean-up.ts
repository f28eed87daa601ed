/** What has to be undone at the end, in reverse order. */
export interface CleanUp {
  add(task: () => Promise<void> | void): void;
  /** Runs every task once. */
  run(): Promise<void>;
}

export function createCleanUp(): CleanUp {
  const tasks: (() => Promise<void> | void)[] = [];
  return {
    add: (task) => void tasks.push(task),
    async run() {
      for (const task of tasks.splice(0).reverse()) await task();
    },
  };
}
