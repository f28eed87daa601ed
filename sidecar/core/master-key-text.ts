/** The version of a master key that is written without one, and of the first that is made. */
export const firstMasterKeyVersion = 'k1';

/**
 * How master keys are written: one key, 32 bytes in base64, or several as `version:key`, parted by white space or commas.
 * The first is the current one. Undefined for what is neither; nothing of it may be repeated in an error.
 */
export function splitMasterKeys(
  text: string,
): readonly { readonly version: string; readonly base64: string }[] | undefined {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  const keys: { readonly version: string; readonly base64: string }[] = [];
  for (const entry of entries) {
    const [, version, base64] = /^(?:([a-z0-9]{1,8}):)?([A-Za-z0-9+/]{43}=?)$/.exec(entry) ?? [];
    if (base64 === undefined || (version === undefined && entries.length > 1)) return undefined;
    keys.push({ version: version ?? firstMasterKeyVersion, base64 });
  }
  const isOneEach = new Set(keys.map(({ version }) => version)).size === keys.length;
  const isDistinct = new Set(keys.map(({ base64 }) => base64.replace('=', ''))).size === keys.length;
  return keys.length > 0 && isOneEach && isDistinct ? keys : undefined;
}
