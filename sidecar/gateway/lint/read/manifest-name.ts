/** A name is unique in its namespace only. */
export function qualified(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}
