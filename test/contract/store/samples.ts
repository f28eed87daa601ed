/** Resources, tokens and expectations that the parts of the store contract share. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { ErrorCode } from '../../../sidecar/core/codes.ts';
import { CredentialFlowError } from '../../../sidecar/core/error.ts';
import type { Actor, ApplyOptions, Change, Mutation, NewToken, Store } from '../../../sidecar/core/ports.ts';
import type { ConsumerSpec, Owner, ResourceRecord } from '../../../sidecar/core/resources.ts';

export const admin: Actor = { name: 'admin', action: 'consumer.put', requestId: 'req-1' };
export const file: Owner = 'file:resources.yaml';
export const otherFile: Owner = 'file:other.yaml';

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

export function consumerSpec(group = 'search'): ConsumerSpec {
  return { owner: 'team@example.com', groups: [group], labels: { cost_centre: '4711' } };
}

export function put(id: string, owner: Owner = 'api', group = 'search') {
  return { op: 'put', kind: 'consumer', id, owner, spec: consumerSpec(group) } as const satisfies Mutation;
}

export function token(name: string, owner: Owner = 'api', consumer = 'team'): NewToken {
  return {
    id: `tok_${name}`,
    sha256: hashOf(name),
    consumer,
    owner,
    description: `token ${name}`,
    notBeforeMs: 1_000,
    expiresAtMs: 2_000_000_000_000,
    scopes: ['chat', 'embed'],
    rotatedFrom: undefined,
  };
}

export function putToken(name: string, owner: Owner = 'api', consumer = 'team') {
  return { op: 'put_token', token: token(name, owner, consumer) } as const satisfies Mutation;
}

export function applyOptions(options: Partial<ApplyOptions> = {}): ApplyOptions {
  return {
    owner: file,
    actor: { name: file, action: 'apply' },
    prune: true,
    allowPrune: false,
    dryRun: false,
    ...options,
  };
}

/** `work` is refused with `code`, and the store's revision is what it was. */
export async function refuses(
  store: Store,
  work: () => Promise<unknown>,
  code: ErrorCode,
): Promise<CredentialFlowError> {
  const before = await store.identity();
  let refusal: CredentialFlowError | undefined;
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof CredentialFlowError, String(error));
    assert.equal(error.code, code);
    refusal = error;
    return true;
  });
  assert.deepEqual(await store.identity(), before, 'a refused change raised the revision');
  assert.ok(refusal);
  return refusal;
}

export async function collect(chunks: AsyncIterable<readonly ResourceRecord[]>): Promise<ResourceRecord[]> {
  const records: ResourceRecord[] = [];
  for await (const chunk of chunks) records.push(...chunk);
  return records;
}

export async function changesAfter(store: Store, revision: number): Promise<readonly Change[]> {
  return (await store.changesSince(revision, 1_000)).changes;
}

export async function revisionOf(store: Store): Promise<number> {
  return (await store.identity()).revision;
}

export function many(count: number, owner: Owner = file, prefix = 'c'): Mutation[] {
  return Array.from({ length: count }, (_, index) => put(`${prefix}${String(index).padStart(5, '0')}`, owner));
}
