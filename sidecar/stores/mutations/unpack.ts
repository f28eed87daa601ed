import { deserialize } from 'node:v8';
import type { ApplyChunk, Mutation } from '../../core/ports.ts';

/** What a chunk holds, packed or not. */
export function unpack(chunk: ApplyChunk): readonly Mutation[] {
  return 'packed' in chunk ? (deserialize(chunk.packed) as readonly Mutation[]) : chunk;
}
