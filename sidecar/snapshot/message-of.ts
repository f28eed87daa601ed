/** What a problem says of an error. Compilers and secret managers promise messages without values. */
export function messageOf(error: unknown, otherwise: string): string {
  return error instanceof Error ? error.message : otherwise;
}
