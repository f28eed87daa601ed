/**
 * At most `maxLength` characters. A slice would keep the whole string alive behind it (a URI may have 64 KiB), so what
 * is cut off is copied; Buffer's latin1 is what a header holds.
 */
export function bounded(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : Buffer.from(text.slice(0, maxLength), 'latin1').toString('latin1');
}
