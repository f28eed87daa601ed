import { readMinimumVersion } from '../../render/minimum-version.ts';
import type { Finding } from '../finding.ts';
import { failed, ok, skipped } from '../finding.ts';
import type { Reply } from '../ports.ts';

/** The version as the gateway says it in `server`. */
export function checkVersion({ headers }: Reply): Finding {
  const check = 'version';
  const version = /^APISIX\/(\d+\.\d+(?:\.\d+)?)/.exec(headers['server'] ?? '')?.[1];
  if (version === undefined) {
    return skipped(check, 'the gateway does not say its version (enable_server_tokens): it must be 3.17 or newer');
  }
  const read = readMinimumVersion(version);
  return 'refusal' in read
    ? failed(
        check,
        `APISIX ${version} is not supported: ${read.refusal}`,
        'use APISIX 3.17 or newer; 3.18 is recommended',
      )
    : ok(check, `APISIX ${version} is supported`);
}
