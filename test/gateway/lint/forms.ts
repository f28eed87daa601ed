/** One guarded API, as each input form of `lint` has it, so that a fault can be put into all of them. */
import { parse, parseAllDocuments, stringify } from 'yaml';
import { adc } from '../../../sidecar/gateway/render/formats/adc.ts';
import { gatewayApi } from '../../../sidecar/gateway/render/formats/gateway-api.ts';
import { ingressV2 } from '../../../sidecar/gateway/render/formats/ingress-v2.ts';
import { standalone } from '../../../sidecar/gateway/render/formats/standalone.ts';
import { rendered } from '../render/support.ts';

/** Whatever a document holds; tests write into it. */
export interface Tree {
  [name: string]: Tree;
}

export interface Form {
  readonly name: string;
  /** The documents, fresh; only the API's route is there. */
  read(): Tree[];
  write(documents: readonly Tree[]): string;
  /** Adds a plugin that runs for all routes; undefined: the form has no such thing. */
  addGlobally?: (documents: Tree[], plugin: string, config: unknown) => void;
  /** Adds a route beside the guarded one, without a question. */
  addOpenRoute?: (documents: Tree[], path: string) => void;
}

const resources = `
upstreams:
  - { id: api, preset: openai, identity_header: true, gateway: { limit: { count: 5, window: 60s } } }
`;
const tree = (value: unknown): Tree => value as Tree;
const list = (value: unknown): Tree[] => value as Tree[];
const yaml = (documents: readonly Tree[]): string => documents.map((one) => stringify(one)).join('---\n');
const json = ([document]: readonly Tree[]): string => JSON.stringify(document, undefined, 2);
const native = (path: string): Tree =>
  tree({
    id: 'open',
    uri: path,
    upstream: { type: 'roundrobin', scheme: 'https', pass_host: 'node', nodes: { 'api.openai.com:443': 1 } },
  });

function standaloneRoutes(): Tree[] {
  const { routes } = parse(rendered(resources, standalone)) as { readonly routes: Tree[] };
  return routes.slice(0, 1);
}

const nativeForm = {
  read: () => [tree({ routes: standaloneRoutes() })],
  addGlobally: ([file = {}]: Tree[], plugin: string, config: unknown) => {
    file['global_rules'] = tree([{ id: 'all', plugins: { [plugin]: config } }]);
  },
  addOpenRoute: ([file = {}]: Tree[], path: string) => void list(file['routes']).push(native(path)),
};

const manifests = (text: string): Tree[] =>
  parseAllDocuments(text)
    .map((document) => tree(document.toJS()))
    .filter(({ metadata }) => (tree(metadata)['name'] as unknown) === 'credentialflow-api');
const manifest = (apiVersion: string, kind: string, name: string, spec: object): Tree =>
  tree({ apiVersion, kind, metadata: { name }, spec });

export const forms: readonly Form[] = [
  { name: 'standalone YAML', ...nativeForm, write: (documents) => `${yaml(documents)}#END\n` },
  { name: 'standalone JSON', ...nativeForm, write: json },
  {
    name: 'ADC',
    read: () => {
      const { services } = parse(rendered(resources, adc)) as { readonly services: Tree[] };
      return [tree({ services: services.slice(0, 1) })];
    },
    write: yaml,
    addGlobally: ([file = {}], plugin, config) => {
      file['global_rules'] = tree({ [plugin]: config });
    },
    addOpenRoute: ([file = {}], path) => {
      const { upstream } = native(path);
      const routes = [{ name: 'open', labels: { 'managed-by': 'us' }, uris: [path] }];
      const nodes = [{ host: 'api.openai.com', port: 443, weight: 1 }];
      const service = { name: 'open', labels: { 'managed-by': 'us' }, upstream: { ...upstream, nodes }, routes };
      list(file['services']).push(tree(service));
    },
  },
  {
    name: 'the answer of an Admin API',
    read: () => {
      const [value] = standaloneRoutes();
      return [tree({ total: 1, list: [{ key: '/apisix/routes/api', value: inEnvironment(value) }] })];
    },
    write: json,
    addGlobally: ([dump = {}], plugin, config) => {
      list(dump['list']).push(
        tree({ key: '/apisix/global_rules/all', value: { id: 'all', plugins: { [plugin]: config } } }),
      );
    },
    addOpenRoute: ([dump = {}], path) => {
      list(dump['list']).push(tree({ key: '/apisix/routes/open', value: native(path) }));
    },
  },
  { name: 'the body of a PUT', read: () => standaloneRoutes().map(inEnvironment), write: json },
  {
    name: 'ApisixRoute',
    read: () => manifests(rendered(resources, ingressV2)),
    write: yaml,
    addGlobally: (documents, plugin, config) => {
      const plugins = [{ name: plugin, enable: true, config }];
      documents.push(
        manifest('apisix.apache.org/v2', 'ApisixGlobalRule', 'all', { ingressClassName: 'apisix', plugins }),
      );
    },
    addOpenRoute: (documents, path) => {
      const http = [
        { name: 'open', match: { paths: [path] }, backends: [{ serviceName: 'elsewhere', servicePort: 443 }] },
      ];
      documents.push(manifest('apisix.apache.org/v2', 'ApisixRoute', 'open', { ingressClassName: 'apisix', http }));
    },
  },
  {
    name: 'HTTPRoute',
    read: () => manifests(rendered(resources, gatewayApi)),
    write: yaml,
    addGlobally: (documents, plugin, config) => {
      const plugins = [{ name: plugin, enabled: true, config }];
      documents.push(manifest('apisix.apache.org/v1alpha1', 'GatewayProxy', 'all', { plugins }));
    },
    addOpenRoute: (documents, path) => {
      const value = path.replace(/\*$/, '');
      const rules = [
        { matches: [{ path: { type: 'PathPrefix', value } }], backendRefs: [{ name: 'elsewhere', port: 443 }] },
      ];
      documents.push(
        manifest('gateway.networking.k8s.io/v1', 'HTTPRoute', 'open', { parentRefs: [{ name: 'apisix' }], rules }),
      );
    },
  },
];

/** `${{NAME}}` is for files. */
function inEnvironment(route: Tree | undefined): Tree {
  return tree(JSON.parse(JSON.stringify(route).replaceAll(/(?:Bearer )?\$\{\{(\w+)\}\}/g, '$env://$1')));
}

/** Every node of the documents. */
function* nodesOf(value: unknown): Generator<Tree> {
  if (typeof value !== 'object' || value === null) return;
  yield tree(value);
  for (const child of Object.values(value)) yield* nodesOf(child);
}

/** The plugins of the guarded route, as a map or as a list of names and settings. */
export function pluginOf(documents: readonly Tree[], name: string): Tree {
  for (const node of nodesOf(documents)) {
    if (node[name] !== undefined && !Array.isArray(node)) return node[name];
    if ((node['name'] as unknown) === name && node['config'] !== undefined) return node['config'];
  }
  throw new Error(`no plugin ${name}`);
}

export function addPlugin(documents: readonly Tree[], name: string, config: unknown): void {
  for (const node of nodesOf(documents)) {
    if (node['forward-auth'] !== undefined) {
      node[name] = tree(config);
      return;
    }
    if (Array.isArray(node) && node.some((one) => (tree(one)['name'] as unknown) === 'forward-auth')) {
      node.push({ name, enable: true, config });
      return;
    }
  }
  throw new Error('no plugins');
}

export function removePlugin(documents: readonly Tree[], name: string): void {
  for (const node of nodesOf(documents)) {
    if (Array.isArray(node)) {
      const at = node.findIndex((one) => (tree(one)['name'] as unknown) === name && tree(one)['config'] !== undefined);
      if (at >= 0) node.splice(at, 1);
    } else Reflect.deleteProperty(node, name);
  }
}

/** The node that says how the upstream is reached: its `scheme`. */
export function upstreamOf(documents: readonly Tree[]): Tree {
  for (const node of nodesOf(documents)) if (node['scheme'] !== undefined) return node;
  throw new Error('no upstream');
}
