/** Version of APISIX that a configuration is for. */
export interface GatewayVersion {
  readonly major: number;
  readonly minor: number;
}

/** Oldest version that keeps the client's headers out of a request by itself (CVE-2026-39998). */
const floor = { major: 3, minor: 17 } as const;

/** A version, or why it cannot be had. */
export function readMinimumVersion(text: string): GatewayVersion | { readonly refusal: string } {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})(?:\.\d{1,3})?$/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return { refusal: 'a version is written as 3.17 or 3.18.0' };
  const version = { major: Number(major), minor: Number(minor) };
  if (version.major > floor.major || (version.major === floor.major && version.minor >= floor.minor)) return version;
  return {
    refusal:
      'APISIX before 3.17 keeps client headers that an answer leaves out (CVE-2026-39998) and sends $env://NAME ' +
      'unresolved; before 3.16 a path can write headers into the question (CVE-2026-31908)',
  };
}
