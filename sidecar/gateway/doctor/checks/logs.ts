import type { Finding } from '../finding.ts';
import { failed, ok, skipped } from '../finding.ts';
import type { LogFile } from '../ports.ts';
import type { Probe } from '../probe.ts';

/** http-logger looks at its clock on ticks: up to twice the `inactive_timeout` of a second, and more on a busy machine. */
const batchesWithinMs = 15_000;

/** What the gateway logged about all requests before: neither the canary nor the token may be in it. */
export async function checkLogs(probe: Probe): Promise<readonly Finding[]> {
  const files: Finding[] = [];
  const posted = await postedLog(probe);
  for (const file of probe.logFiles) files.push(await logFile(file, probe));
  return [posted, ...files];
}

async function postedLog(probe: Probe): Promise<Finding> {
  const check = 'log-http';
  const text = (): string =>
    probe.arrived
      .filter(({ target }) => target === probe.names.logPath)
      .map(({ body }) => body)
      .join('\n');
  const routed = probe.routed();
  await probe.until(() => countEntries(text(), probe) >= routed, batchesWithinMs);
  const found = secretsIn(text(), probe);
  if (found !== undefined) {
    return failed(
      check,
      `http-logger's entries show ${found}`,
      "give http-logger a log_format that names no token slot (the default one holds every header, after the sidecar's are in)",
    );
  }
  const entries = countEntries(text(), probe);
  if (entries === 0) {
    return failed(
      check,
      `no entry of http-logger came within ${batchesWithinMs / 1_000} s`,
      'the plugin must be enabled, and the gateway must reach this command (--upstream-url)',
    );
  }
  return ok(check, `http-logger's ${entries} entries show neither the secret nor the token`);
}

async function logFile({ name, readNew }: LogFile, probe: Probe): Promise<Finding> {
  const check = `log-file ${name}`;
  const text = await readNew();
  if (text === undefined) return skipped(check, 'it cannot be read');
  if (text === '') return skipped(check, 'nothing was written to it meanwhile');
  const found = secretsIn(text, probe);
  return found === undefined
    ? ok(check, `${Buffer.byteLength(text)} new bytes show neither the secret nor the token`)
    : failed(
        check,
        `it shows ${found}`,
        'name no header that holds a token or a secret in access_log_format, and no query',
      );
}

/** Each entry names its route (facts, 6), which is one of the doctor's. */
function countEntries(text: string, { names }: Probe): number {
  return text.split(`"route_id":"${names.id}`).length - 1;
}

function secretsIn(text: string, { canary, token }: Probe): string | undefined {
  const found = [
    ...(text.includes(canary.reveal()) ? ["the upstream's secret"] : []),
    ...(text.includes(token.reveal()) ? ["the client's token"] : []),
  ];
  return found.length === 0 ? undefined : found.join(' and ');
}
