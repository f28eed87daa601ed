import type { Problem } from '../../../core/error.ts';
import { emptyConfiguration } from '../configuration.ts';
import type { Configuration } from '../configuration.ts';
import { asMap, createSpot, isMap } from '../source.ts';
import type { ReadDocuments, Spot } from '../source.ts';
import { isAdc, readAdc } from './adc.ts';
import { isAdminDump, isBareRoute, readAdminDump, readBareRoute } from './admin-api.ts';
import { isManifest, manifestsOf, readManifests } from './kubernetes.ts';
import type { Manifest } from './manifest.ts';
import { resourceLists } from './native.ts';
import { readStandalone } from './standalone.ts';
import { readVersions } from './versions.ts';

export interface InputFile {
  /** As findings shall name it. */
  readonly file: string;
  readonly text: string;
  /** An answer of a running gateway: its lines mean nothing to anybody. */
  readonly live?: boolean;
}

export interface ReadResult {
  readonly configuration: Configuration;
  /** What could not be read: syntax, or a document that is no configuration of a gateway. */
  readonly problems: readonly Problem[];
}

/** Reads all files as one configuration; what each document is, its content says. */
export function readConfiguration(files: readonly InputFile[], readDocuments: ReadDocuments): ReadResult {
  const configuration = emptyConfiguration();
  const problems: Problem[] = [];
  const manifests: Manifest[] = [];
  for (const { file, text } of files) {
    if (text.startsWith('#!')) {
      problems.push(script(file));
      continue;
    }
    const { documents, problems: syntax } = readDocuments(text, file);
    problems.push(...syntax);
    if (documents.length === 0 && syntax.length === 0)
      problems.push({ severity: 'error', message: 'the file is empty', file });
    for (const [index, document] of documents.entries()) {
      const spot = createSpot({ file, index, document });
      if (isOurResourceFile(spot)) problems.push(unknownDocument(spot));
      else if (isManifest(spot)) manifests.push(...manifestsOf(spot));
      else if (!readNative(spot, text, configuration)) problems.push(unknownDocument(spot));
    }
  }
  readManifests(manifests, configuration);
  return { configuration, problems };
}

function readNative(spot: Spot, text: string, into: Configuration): boolean {
  const value = asMap(spot.value);
  if (isAdminDump(spot)) readAdminDump(spot, into);
  else if (isAdc(spot)) readAdc(spot, into);
  else if (isComposeFile(spot)) readVersions(spot, into);
  else if (
    [...resourceLists, ...otherLists].some(
      (list) => Array.isArray(value[list]) || (list in value && value[list] === null),
    )
  ) {
    readStandalone(spot, into);
    const isJson = text.trimStart().startsWith('{');
    if (!isJson && !/^#END\s*$/m.test(lastLine(text))) into.withoutEnd.push(spot);
  } else if (isGatewayConfig(spot)) into.gatewayConfigs.push(spot);
  else if (isBareRoute(spot)) readBareRoute(spot, into);
  else if (isMap(spot.value)) {
    const before = into.versions.length;
    readVersions(spot, into);
    return into.versions.length > before;
  } else return false;
  return true;
}

/** Lists of apisix.yaml that no rule is about. */
const otherLists = ['ssls', 'protos', 'secrets', 'stream_routes'];

/** Its services are a map. */
function isComposeFile(spot: Spot): boolean {
  return isMap(asMap(spot.value)['services']);
}

function isGatewayConfig(spot: Spot): boolean {
  const { deployment, nginx_config: nginx, plugin_attr: attributes, apisix, plugins } = asMap(spot.value);
  if (isMap(deployment) || isMap(nginx) || isMap(attributes) || Array.isArray(plugins)) return true;
  return isMap(apisix) && !('image' in apisix);
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

/** What `render --format admin-api` writes, for one. */
function script(file: string): Problem {
  const fix = 'run it, and judge the gateway that it wrote to: --admin http://127.0.0.1:9180';
  return { severity: 'error', message: 'this is a script', fix, file };
}

/** Has lists of the same names as apisix.yaml, so that nothing would be found in it. */
function isOurResourceFile(spot: Spot): boolean {
  const { credentials, policies, upstreams } = asMap(spot.value);
  return (
    Array.isArray(credentials) ||
    Array.isArray(policies) ||
    (Array.isArray(upstreams) && upstreams.some((upstream) => 'base_url' in asMap(upstream)))
  );
}

function unknownDocument(spot: Spot): Problem {
  const isOurs = isOurResourceFile(spot);
  return {
    severity: 'error',
    message: isOurs ? 'these are resources of CredentialFlow' : 'this is no configuration of a gateway',
    fix: isOurs
      ? 'name them with -f, once for each file'
      : 'give apisix.yaml (or its JSON), config.yaml, adc.yaml, an answer of the Admin API, or Kubernetes manifests',
    file: spot.file,
    ...spot.document.locate([]),
  };
}
