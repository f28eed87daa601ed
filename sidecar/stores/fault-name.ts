/** What can be said of any error without quoting it. */
export function faultName(error: unknown): string {
  const code = property(error, 'code');
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.name : typeof error;
}

export function property(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>)[name] : undefined;
}
