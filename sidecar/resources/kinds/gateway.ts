import { z } from 'zod';
import { id, idOrStar, listOf, nonEmptyListOf, sha256, time } from '../fields.ts';
import { defineKind } from '../kind.ts';

/** Where a document does not say when a key was made. Constant, so that the same document is the same resource. */
const unknownTime = '1970-01-01T00:00:00Z';

const address = z.string().refine(isAddressBlock, 'must be an IP address or a CIDR block such as 10.0.0.0/8');

const key = z.strictObject({
  sha256: sha256.meta({ description: 'Hex of the SHA-256 of the whole key.' }),
  created_at: time.optional().meta({ description: 'When the key was made; RFC 3339.' }),
  expires_at: time.optional().meta({ description: 'The key is refused from then on; RFC 3339.' }),
});

const schema = z
  .strictObject({
    id: id.meta({ description: 'Unique among gateways.' }),
    keys: z
      .array(key)
      .min(1)
      .max(2)
      .meta({ description: 'Hashes of one or two live keys, so that a key can be rotated without downtime.' }),
    retired_keys: listOf(sha256, 1_000).optional().meta({ description: 'SHA-256 of keys that must not come back.' }),
    upstreams: nonEmptyListOf(idOrStar, 10_000).meta({ description: 'Upstreams it may ask for; "*" for all.' }),
    addresses: nonEmptyListOf(address, 1_000)
      .optional()
      .meta({ description: 'Addresses or CIDR blocks it may ask from; left out: any.' }),
  })
  .meta({ description: 'A gateway that may ask for decisions.' });

export const gatewayKind = defineKind({
  kind: 'gateway',
  section: 'gateways',
  schema,
  toSpec(document, { report }) {
    const retired = document.retired_keys ?? [];
    const seen = new Set<string>(retired);
    for (const [i, { sha256: hash }] of document.keys.entries()) {
      if (seen.has(hash)) report(['keys', i, 'sha256'], 'is listed twice, or retired');
      seen.add(hash);
    }
    return {
      keys: document.keys.map(({ sha256: hash, created_at = unknownTime, expires_at }) => ({
        sha256: hash,
        created_at,
        ...(expires_at === undefined ? {} : { expires_at }),
      })),
      retired_keys: retired,
      upstreams: document.upstreams,
      addresses: document.addresses ?? [],
    };
  },
  write: (gatewayId, spec) => ({
    id: gatewayId,
    keys: spec.keys.map(({ created_at, ...rest }) => (created_at === unknownTime ? rest : { ...rest, created_at })),
    ...(spec.retired_keys.length === 0 ? {} : { retired_keys: spec.retired_keys }),
    upstreams: spec.upstreams,
    ...(spec.addresses.length === 0 ? {} : { addresses: spec.addresses }),
  }),
});

function isAddressBlock(text: string): boolean {
  const [host = '', bits, more] = text.split('/');
  const isV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(host);
  const isV6 = !isV4 && host.includes(':') && /^[0-9A-Fa-f:.]+$/.test(host) && URL.canParse(`http://[${host}]`);
  if (more !== undefined || !(isV4 || isV6)) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isV4 ? 32 : 128));
}
