import type { Kind } from '../kind.ts';
import type { ResourceKind } from '../../core/resources.ts';
import { consumerKind } from './consumer.ts';
import { credentialKind } from './credential.ts';
import { gatewayKind } from './gateway.ts';
import { limitKind } from './limit.ts';
import { issuerKind } from './issuer.ts';
import { groupKind } from './group.ts';
import { policyKind } from './policy.ts';
import { revocationKind } from './revocation.ts';
import { upstreamKind } from './upstream.ts';

/** In the order in which an export lists them. */
export const kinds: { readonly [K in ResourceKind]: Kind<K> } = {
  gateway: gatewayKind,
  upstream: upstreamKind,
  credential: credentialKind,
  consumer: consumerKind,
  group: groupKind,
  issuer: issuerKind,
  policy: policyKind,
  limit: limitKind,
  revocation: revocationKind,
};
