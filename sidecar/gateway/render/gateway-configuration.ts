/** What a gateway is told, whatever the form it is written in. */

export type Plain = string | number | boolean | readonly Plain[] | { readonly [name: string]: Plain };

export interface GatewayConfiguration {
  /** In the order of the resources, the token's own description last. */
  readonly routes: readonly GatewayRoute[];
}

export interface GatewayRoute {
  readonly id: string;
  /** The upstream resource that it serves; undefined: one of the sidecar's own. */
  readonly upstreamId: string | undefined;
  /** For the reader of the file. */
  readonly comment: string;
  readonly path: { readonly kind: 'prefix' | 'exact'; readonly path: string };
  /** Empty = every method. */
  readonly methods: readonly string[];
  /** Empty = every host. */
  readonly hosts: readonly string[];
  readonly plugins: readonly GatewayPlugin[];
  readonly node: GatewayNode;
}

export interface GatewayPlugin {
  readonly name: string;
  readonly comment?: string;
  readonly config: { readonly [name: string]: Plain };
}

/** Where the requests of a route go. */
export interface GatewayNode {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Seconds, of each socket operation. */
  readonly timeout: { readonly connect: number; readonly send: number; readonly read: number };
}

/** Marks what is ours, in every form: nothing else is changed or deleted by `apisix sync` (or `adc sync`). */
export const managedLabel = { 'managed-by': 'credentialflow' } as const;

/** `/openai` → `/openai/*`, as APISIX writes a prefix. */
export function uriOf({ path: { kind, path } }: GatewayRoute): string {
  if (kind === 'exact') return path;
  return path === '/' ? '/*' : `${path}/*`;
}

/** The plugins as APISIX's object. */
export function pluginsOf({ plugins }: GatewayRoute): { readonly [name: string]: Plain } {
  return Object.fromEntries(plugins.map(({ name, config }) => [name, config]));
}
