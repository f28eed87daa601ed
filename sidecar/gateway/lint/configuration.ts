import type { Data, Spot } from './source.ts';

/** How a gateway was told what to do. */
export type Form = 'standalone' | 'adc' | 'admin-api' | 'kubernetes';

export interface Plugin {
  readonly name: string;
  readonly config: Data;
  /** Where its configuration stands. */
  readonly spot: Spot;
  /** Switched off: `_meta.disable`, or `enable: false` of a manifest. */
  readonly disabled: boolean;
}

export type PluginSet = ReadonlyMap<string, Plugin>;

/** What one resource says of another. */
export interface Reference {
  readonly id: string;
  readonly spot: Spot;
}

export interface UpstreamNode {
  readonly host: string;
  readonly port: number | undefined;
}

export interface Upstream {
  readonly spot: Spot;
  /** Default `http`, as the gateway's. */
  readonly scheme: string;
  /** Default `pass`, as the gateway's. */
  readonly passHost: string;
  readonly nodes: readonly UpstreamNode[];
}

/** Requests go somewhere, of which nothing else was read. */
export function unread({ spot }: Reference): Upstream {
  return { spot, scheme: 'http', passHost: 'node', nodes: [] };
}

export interface Route {
  readonly form: Form;
  readonly spot: Spot;
  /** Undefined: the gateway or its controller makes one. */
  readonly id: string | undefined;
  /** As people call it. */
  readonly label: string;
  readonly uris: readonly string[];
  readonly hosts: readonly string[];
  /** Empty: all. */
  readonly methods: readonly string[];
  readonly priority: number;
  /** Undefined: the request's path and host alone decide. */
  readonly vars: Spot | undefined;
  readonly disabled: boolean;
  readonly plugins: PluginSet;
  readonly service: Reference | undefined;
  readonly pluginConfigs: readonly Reference[];
  readonly upstreamRef: Reference | undefined;
  readonly upstream: Upstream | undefined;
}

/** A resource, other than a route, that carries plugins. */
export interface PluginHolder {
  readonly form: Form;
  readonly spot: Spot;
  readonly id: string;
  readonly plugins: PluginSet;
  readonly upstream?: Upstream | undefined;
  readonly upstreamRef?: Reference | undefined;
  readonly hosts?: readonly string[];
  readonly labels?: Data | undefined;
}

export interface GatewayVersion {
  readonly major: number;
  readonly minor: number;
  /** Where it was read, undefined where it was said by an option or by the gateway itself. */
  readonly spot: Spot | undefined;
}

/** Everything that was read, as one. Lists grow while files are read; rules only read. */
export interface Configuration {
  readonly routes: Route[];
  readonly services: PluginHolder[];
  readonly pluginConfigs: PluginHolder[];
  readonly globalRules: PluginHolder[];
  /** Consumers and consumer groups: their plugins win over a route's. */
  readonly consumers: PluginHolder[];
  readonly upstreams: Map<string, Upstream>;
  /** Plugin name → its metadata, the defaults of all its instances. */
  readonly pluginMetadata: Map<string, Spot>;
  /** config.yaml files. */
  readonly gatewayConfigs: Spot[];
  readonly versions: GatewayVersion[];
  /** Ingress resources, whose annotations reach a few fields of forward-auth only. */
  readonly ingresses: Spot[];
  /** Standalone YAML without the line that makes the gateway read it. */
  readonly withoutEnd: Spot[];
}

export function emptyConfiguration(): Configuration {
  return {
    routes: [],
    services: [],
    pluginConfigs: [],
    globalRules: [],
    consumers: [],
    upstreams: new Map(),
    pluginMetadata: new Map(),
    gatewayConfigs: [],
    versions: [],
    ingresses: [],
    withoutEnd: [],
  };
}
