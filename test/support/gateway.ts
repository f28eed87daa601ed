import { readFileSync } from 'node:fs';
import { startStandInGateway } from '../gateway/stand-in.ts';
import type { StandInGateway, StandInOptions } from '../gateway/stand-in.ts';
import { findRealGateway, startRealGateway } from './real-gateway.ts';
import type { RunningSidecar } from './sidecar.ts';

/** Text of the configuration that we ship. */
export function shippedApisixYaml(): string {
  return readFileSync(new URL('../../apisix-conf/apisix.yaml', import.meta.url), 'utf8');
}

/** The gateway that `npm run test:apisix` was given; undefined: tests use the stand-in. */
export const realGateway = process.env['TEST_REAL_GATEWAY'] === '1' ? findRealGateway(process.env) : undefined;

/** The stand-in gateway (or a real one) with the shipped apisix.yaml in front of a running sidecar. */
export function startGateway(
  sidecar: Pick<RunningSidecar, 'urls' | 'keys'>,
  options: Partial<StandInOptions> = {},
): Promise<StandInGateway> {
  const whole = {
    apisixYaml: shippedApisixYaml(),
    env: { CREDENTIALFLOW_GATEWAY_KEY: sidecar.keys.gateway, CREDENTIALFLOW_LOG_KEY: sidecar.keys.log },
    sidecar: sidecar.urls.data,
    ...options,
  };
  return realGateway === undefined ? startStandInGateway(whole) : startRealGateway(realGateway, whole);
}
