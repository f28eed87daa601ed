import { readFileSync } from 'node:fs';
import { startStandInGateway } from '../gateway/stand-in.ts';
import type { StandInGateway, StandInOptions } from '../gateway/stand-in.ts';
import type { RunningSidecar } from './sidecar.ts';

/** Text of the configuration that we ship. */
export function shippedApisixYaml(): string {
  return readFileSync(new URL('../../apisix-conf/apisix.yaml', import.meta.url), 'utf8');
}

/** The stand-in gateway with the shipped apisix.yaml in front of a running sidecar. */
export function startGateway(
  sidecar: Pick<RunningSidecar, 'urls' | 'keys'>,
  options: Partial<StandInOptions> = {},
): Promise<StandInGateway> {
  return startStandInGateway({
    apisixYaml: shippedApisixYaml(),
    env: { CREDENTIALFLOW_GATEWAY_KEY: sidecar.keys.gateway, CREDENTIALFLOW_LOG_KEY: sidecar.keys.log },
    sidecar: sidecar.urls.data,
    ...options,
  });
}
