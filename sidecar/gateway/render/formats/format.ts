import type { GatewayConfiguration } from '../gateway-configuration.ts';
import type { Wiring } from '../wiring.ts';

export interface FormatOptions {
  /** Oldest APISIX that it is for, such as `3.17`. */
  readonly minimumVersion: string;
  /** Kubernetes namespace of the objects; undefined: left to `kubectl`. */
  readonly namespace: string | undefined;
  /** Kubernetes: the controller's ingress class. */
  readonly ingressClass: string;
  /** Kubernetes: name of the Gateway that the routes join. */
  readonly gatewayName: string;
}

/** A form in which a gateway is configured. A new one is its file and its line in index.ts. */
export interface Format {
  readonly id: string;
  /** For the help. */
  readonly title: string;
  readonly wiring: Wiring;
  /** The text, with a new line at its end. */
  write(configuration: GatewayConfiguration, options: FormatOptions): string;
  /** What is needed beside it: the lines of config.yaml. */
  configuration: () => string;
}
