import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { RecordedQuestion } from '../../test/gateway/stand-in/recording.ts';
import { startGateway } from '../../test/support/gateway.ts';
import { startSidecar } from '../../test/support/sidecar.ts';
import { demoCases } from './cases.ts';
import type { DemoCase } from './cases.ts';
import { startEchoProvider } from './echo-provider.ts';
import type { Received } from './echo-provider.ts';
import { sendOneRequest } from './send-one-request.ts';

export interface Demo {
  readonly sidecarUrl: string;
  readonly gatewayUrl: string;
  readonly providerUrl: string;
  readonly secret: string;
  /** The client's token. */
  readonly token: string;
  readonly sentBy: string;
  readonly content: string;
  /** What the gateway asked about the one request. */
  readonly question: RecordedQuestion;
  /** What the provider received of it. */
  readonly received: Received;
  readonly cases: readonly DemoCase[];
  stop(): Promise<void>;
}

const resources = fileURLToPath(new URL('resources.yaml', import.meta.url));
/** Where APISIX listens, too; another one is taken where it is in use. */
const preferredPort = 9080;

/** Starts the three processes' worth of the demo, applies the resources, issues tokens and sends one request. */
export async function startDemo(): Promise<Demo> {
  const secret = `sk-demo-${randomBytes(16).toString('hex')}`;
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const provider = await startEchoProvider(secret);
    stops.push(() => provider.stop());
    const sidecar = await startSidecar({ env: { DEMO_PROVIDER_SECRET: secret } });
    stops.push(() => sidecar.stop());
    await sidecar.json(['apply', '-f', resources]);
    const live = await sidecar.issueToken('team-search');
    const revoked = await sidecar.issueToken('team-search');
    await sidecar.json(['token', 'revoke', revoked.id]);
    const gateway = await startGatewayOn(preferredPort, sidecar, provider.url);
    stops.push(() => gateway.stop());

    const { by, content } = await sendOneRequest(`${gateway.url}/openai/v1`, live.token);
    const [question] = gateway.questions;
    const [received] = provider.received;
    if (question === undefined || received === undefined) throw new Error('the request did not come through');
    return {
      sidecarUrl: sidecar.urls.data,
      gatewayUrl: gateway.url,
      providerUrl: provider.url,
      secret,
      token: live.token,
      sentBy: by,
      content,
      question,
      received,
      cases: demoCases(gateway.url, { live: live.token, revoked: revoked.token }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startGatewayOn(
  port: number,
  sidecar: Parameters<typeof startGateway>[0],
  provider: string,
): ReturnType<typeof startGateway> {
  const nodes = { openai: provider };
  try {
    return await startGateway(sidecar, { nodes, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return startGateway(sidecar, { nodes });
  }
}
