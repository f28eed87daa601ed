/**
 * Collects an option that may be given several times. For commands that take arguments: there an option of several values
 * (`<file...>`) would swallow the arguments that follow it.
 */
export function repeatable(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
