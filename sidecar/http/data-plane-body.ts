import type { IncomingMessage } from 'node:http';

export type Body =
  { readonly kind: 'whole'; readonly bytes: Buffer } | { readonly kind: 'too_large' } | { readonly kind: 'gone' };

/** Whether a body follows the headers (RFC 9112, section 6.3). `headers` by lower-case name. */
export function hasBody(headers: Readonly<Record<string, string | readonly string[] | undefined>>): boolean {
  const length = headers['content-length'];
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}

/**
 * Reads the body to its end, `keep`ing it or not. Longer than `maxBytes`: `too_large`, as soon as that is known, and the
 * rest stays unread (close the connection). `gone`: the client went away first.
 */
export function readBody(req: IncomingMessage, maxBytes: number, keep: boolean): Promise<Body> {
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) return Promise.resolve({ kind: 'too_large' });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (keep) chunks.push(chunk);
      if (bytes <= maxBytes) return;
      chunks.length = 0;
      req.off('data', onData);
      req.pause();
      resolve({ kind: 'too_large' });
    };
    req.on('data', onData);
    req.once('end', () => resolve({ kind: 'whole', bytes: Buffer.concat(chunks) }));
    req.once('error', () => resolve({ kind: 'gone' }));
    req.once('close', () => resolve({ kind: 'gone' }));
  });
}
