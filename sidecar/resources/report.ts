/** Takes one problem of a resource; `path` is inside the resource. */
export type Report = (
  path: readonly PropertyKey[],
  message: string,
  options?: {
    readonly fix?: string | undefined;
    readonly severity?: 'error' | 'warning';
    readonly at?: 'key' | 'value';
    /** Characters before the problem in the text that stands at `path`. */
    readonly within?: number;
  },
) => void;
