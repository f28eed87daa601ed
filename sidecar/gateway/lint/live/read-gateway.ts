import type { InputFile } from '../read/read-configuration.ts';
import { resourceLists } from '../read/native.ts';
import { parseVersion } from '../read/versions.ts';
import type { GatewayVersion } from '../configuration.ts';
import { CredentialFlowError } from '../../../core/error.ts';
import { asId, asList, asMap, asText } from '../source.ts';
import { getJson } from './http.ts';
import type { HttpReader } from './http.ts';

export interface LiveConfiguration {
  /** One for each resource, named by its URL. */
  readonly inputs: readonly InputFile[];
  readonly version: GatewayVersion | undefined;
}

/**
 * Everything that the Admin API of a gateway shows. `url` is its origin; the path is ours. A gateway that is driven by
 * files answers at /configs, if at all.
 */
export async function readAdminApi(url: string, key: string | undefined, http: HttpReader): Promise<LiveConfiguration> {
  const base = `${url.replace(/\/+$/, '').replace(/\/apisix\/admin$/, '')}/apisix/admin`;
  const headers = key === undefined ? {} : { 'x-api-key': key };
  const inputs: InputFile[] = [];
  let server: string | undefined;
  let answers = 0;
  for (const kind of resourceLists) {
    const answer = await getJson(http, `${base}/${kind}`, headers);
    if (answer === undefined) continue;
    answers += 1;
    server ??= answer.server;
    inputs.push(...entriesOf(answer.value, base, kind));
  }
  if (answers === 0) {
    const configs = await getJson(http, `${base}/configs`, headers);
    if (configs === undefined) throw new CredentialFlowError('internal', `${base} is no Admin API that can be read`);
    return {
      inputs: [{ file: `${base}/configs`, text: JSON.stringify(configs.value), live: true }],
      version: configs.server === undefined ? undefined : parseVersion(configs.server),
    };
  }
  return { inputs, version: server === undefined ? undefined : parseVersion(server) };
}

/** What the Control API shows: no global rules, plugin_configs or consumers. */
export async function readControlApi(url: string, http: HttpReader): Promise<LiveConfiguration> {
  const base = `${url.replace(/\/+$/, '').replace(/\/v1$/, '')}/v1`;
  const inputs: InputFile[] = [];
  let server: string | undefined;
  for (const kind of ['routes', 'services', 'upstreams']) {
    const answer = await getJson(http, `${base}/${kind}`);
    if (answer === undefined) continue;
    server ??= answer.server;
    inputs.push(...entriesOf({ list: answer.value }, base, kind));
  }
  return { inputs, version: server === undefined ? undefined : parseVersion(server) };
}

/** `{list: [{key?, value}]}`; the key says kind and id to the reader, wherever the gateway's own has another prefix. */
function entriesOf(answer: unknown, base: string, kind: string): readonly InputFile[] {
  return asList(asMap(answer)['list']).map((entry, index) => {
    const { value, key } = asMap(entry);
    const own = asMap(value);
    const id = asId(own['id']) ?? asText(own['username']) ?? asText(key)?.split('/').at(-1) ?? String(index);
    return {
      file: `${base}/${kind}/${id}`,
      text: JSON.stringify({ key: `/${kind}/${id}`, value: own }),
      live: true,
    };
  });
}
