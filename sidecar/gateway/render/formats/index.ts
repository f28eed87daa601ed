import { adc } from './adc.ts';
import { adminApi } from './admin-api.ts';
import type { Format } from './format.ts';
import { gatewayApi } from './gateway-api.ts';
import { ingressV2 } from './ingress-v2.ts';
import { standalone } from './standalone.ts';

/** Every form, in the order of the help; the first is the default. A new one is its file and its line here. */
export const formats: readonly Format[] = [standalone, adminApi, adc, ingressV2, gatewayApi];
