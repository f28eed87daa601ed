/** One header line must fit into one of nginx's buffers. */
const maxLineBytes = 8_192;
const maxTotalBytes = 32_768;

export function hasOversizedHeader(rawHeaders: readonly string[]): boolean {
  let total = 0;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const line = (rawHeaders[i] ?? '').length + (rawHeaders[i + 1] ?? '').length + ': \r\n'.length;
    if (line > maxLineBytes) return true;
    total += line;
  }
  return total > maxTotalBytes;
}

/** `underscores_in_headers off`: such a header does not exist. */
export function withoutUnderscores(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (!name.includes('_')) kept.push(name, rawHeaders[i + 1] ?? '');
  }
  return kept;
}
