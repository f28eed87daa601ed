/**
 * At most `maxLength` characters. A slice would keep the whole string alive behind it (a URI may have 64 KiB), so what
 * is cut off is copied.
 */
export function bounded(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : copied(text.slice(0, maxLength));
}

/** A header's text, or a part of one, that keeps nothing else alive; Buffer's latin1 is what a header holds. */
export function copied(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
