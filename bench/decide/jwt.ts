/** A JWT that was verified before against an opaque token that is known: neither does I/O, and their cost is nearly the same. */
import type { DecisionContext } from '../../sidecar/core/decision.ts';
import { inline, issuing, nowMs, sign, signingKey, type SigningKey } from '../../test/support/issuing.ts';
import { judge, unlessNoisy, type Row } from '../row.ts';
import { bootstrapMedian, median } from '../stats.ts';
import { tokenAt, type TokenWorld } from '../token-world.ts';
import { asking, compare, context, ratiosOf, type Case } from './timing.ts';

/** As many as the sidecar keeps the hash of at hand. */
const inTurn = 500;
const yearMs = 365 * 24 * 3_600_000;

/** `opaque` must know `inTurn` tokens. */
export async function jwtRows(rounds: number, opaque: TokenWorld): Promise<readonly Row[]> {
  const key = await signingKey('ES256');
  const world = await issuing([], { keptTokens: 512, verifiedBytes: 33_554_432 });
  const issuer = inline([key.jwk], { consumer: '${client_id}', groups: ['${roles}', 'idp:${groups}'], typ: 'at+jwt' });
  const base = await context(100, [issuer]);
  world.ctx.use(base.snapshot());
  const ctx: DecisionContext = { ...base, validators: [opaque.validator, world.validator] };
  const jwts = await Promise.all(Array.from({ length: inTurn }, (_, i) => accessToken(key, i)));
  const opaques = Array.from({ length: inTurn }, (_, i) => tokenAt(i));
  for (const token of [...jwts, ...opaques]) await world.validator.validate(token);
  const caseOf = (tokens: readonly string[]): Case => ({ ctx, asked: tokens.map(asking) });
  return [
    ...(await rowsOf('one token', caseOf(opaques.slice(0, 1)), caseOf(jwts.slice(0, 1)), rounds)),
    ...(await rowsOf(`${String(inTurn)} in turn`, caseOf(opaques), caseOf(jwts), rounds)),
  ];
}

async function rowsOf(what: string, opaque: Case, jwt: Case, rounds: number): Promise<readonly Row[]> {
  const comparison = await compare(opaque, jwt, rounds);
  const ratios = ratiosOf(comparison);
  const interval = bootstrapMedian(ratios);
  const { one, other } = comparison;
  return [
    { name: `decide: warm opaque, ${what}`, value: median(one), unit: 'µs', interval: bootstrapMedian(one) },
    {
      name: `decide: warm JWT, ${what}`,
      value: median(other),
      unit: 'µs',
      ratio: median(ratios),
      interval,
      ...unlessNoisy(judge({ at: 'most', limit: 1.1 }, interval), one),
    },
  ];
}

/** Of RFC 9068, with what providers put in beside it: some 900 characters. */
function accessToken(key: SigningKey, i: number): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1_000);
  return sign(
    key,
    {
      sub: `8c2f9a1e-6b1d-4a52-9f0e-${String(i).padStart(12, '0')}`,
      client_id: 'team',
      jti: `0f1e2d3c-${String(i).padStart(12, '0')}`,
      scope: 'openid profile chat embeddings models:read',
      roles: ['group-0', 'developer'],
      groups: ['search', 'platform'],
      sid: '5f2b7c7e-2f64-4f6d-8a43-5b7a8f6f0f11',
      azp: 'team',
      iat: issuedAt,
      exp: issuedAt + yearMs / 1_000,
    },
    { typ: 'at+jwt' },
  );
}
