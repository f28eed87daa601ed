import { commonSteeringHeaders, consumerHeader, credentialHeader, tokenSlotHeaders } from '../core/preset.ts';

export interface HeaderLayout {
  /** The preset's and the resource's steering headers beyond the common ones. */
  readonly steering: readonly string[];
  /** Slots that stay the client's own. */
  readonly passthrough: readonly string[];
  /** Steering headers pinned by the credential. */
  readonly pinned: Readonly<Record<string, string>>;
  /** Flat list name, value, … from the injector; empty where no secret is needed. */
  readonly injected: readonly string[];
  readonly versionId: string;
}

/**
 * The whole answer to the gateway as a flat list. Every slot and steering header is named, empty where unused: an empty
 * value removes the client's own on every APISIX version, an absent one only from 3.17 on (CVE-2026-39998).
 */
export function layOutHeaders(layout: HeaderLayout): readonly string[] {
  const values = new Map<string, string>();
  for (const name of [...tokenSlotHeaders, ...commonSteeringHeaders, ...layout.steering]) values.set(name, '');
  for (const name of layout.passthrough) values.delete(name);
  for (const [name, value] of Object.entries(layout.pinned)) values.set(name, value);
  for (let i = 0; i < layout.injected.length; i += 2)
    values.set(layout.injected[i] ?? '', layout.injected[i + 1] ?? '');
  values.set(credentialHeader, layout.versionId);
  values.set(consumerHeader, '');
  return [...values].flat();
}
