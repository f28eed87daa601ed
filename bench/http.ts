/** A full decision over HTTP against a bare node:http server that answers the same bytes. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { cpuSeconds } from './cpu.ts';
import { createLoadClient, type LoadClient } from './load/client.ts';
import { fixedRateCapacity } from './load/fixed-rate-capacity.ts';
import { judge, unlessNoisy, type Row } from './row.ts';
import { cli, createHome, startSidecar, type Endpoint } from './sidecar.ts';
import { bootstrapMedian, median, quantile, spread } from './stats.ts';
import { consumerId, question, questionBytes, writeResources } from './world.ts';
import type { Answer } from './yardstick.process.ts';

const connections = 50;

export async function benchHttp({ quick }: { readonly quick: boolean }): Promise<readonly Row[]> {
  const pairs = quick ? 10 : 16;
  const seconds = quick ? 1 : 3;
  const home = createHome(writeResources({ consumers: 100, policies: 100 }));
  const sidecar = await startSidecar(home);
  const client = createLoadClient();
  try {
    const issued = cli(home, sidecar, ['token', 'issue', '--consumer', consumerId, '--ttl', '1d', '--json']);
    const { token } = JSON.parse(issued) as { readonly token: string };
    const request = questionBytes(`${sidecar.data.host}:${String(sidecar.data.port)}`, question(token));
    const yardstick = await startYardstick(await ask(sidecar.data, request));
    try {
      const load = createLoads(client, request);
      await load.capacity(yardstick.endpoint, seconds);
      await load.capacity(sidecar.data, seconds);
      const rates = { sidecar: [] as number[], yardstick: [] as number[] };
      const costs = { sidecar: [] as number[], yardstick: [] as number[] };
      for (let pair = 0; pair < pairs; pair++) {
        const measure = async (
          which: 'sidecar' | 'yardstick',
          server: Endpoint,
          pid: number | undefined,
        ): Promise<void> => {
          const before = cpuSeconds(pid);
          const rate = await load.capacity(server, seconds);
          rates[which].push(rate);
          costs[which].push((1e6 * (cpuSeconds(pid) - before)) / (rate * seconds));
        };
        const own = async (): Promise<void> => measure('sidecar', sidecar.data, sidecar.process.pid);
        const bare = async (): Promise<void> => measure('yardstick', yardstick.endpoint, yardstick.pid);
        for (const run of pair % 2 === 0 ? [own, bare] : [bare, own]) await run();
      }
      return [
        ...throughputRows(rates),
        ...costRows(costs),
        ...(await latencyRows(
          load,
          sidecar.data,
          yardstick.endpoint,
          (await load.fixedRateCapacity(sidecar.data)) / 2,
          quick,
        )),
      ];
    } finally {
      yardstick.stop();
    }
  } finally {
    client.close();
    await sidecar.stop();
    home.remove();
  }
}

interface Pairs {
  readonly sidecar: readonly number[];
  readonly yardstick: readonly number[];
}

function throughputRows(rates: Pairs): readonly Row[] {
  const ratios = rates.sidecar.map((rate, pair) => rate / (rates.yardstick[pair] ?? NaN));
  const interval = bootstrapMedian(ratios);
  return [
    { name: 'http: bare node:http, same bytes', value: median(rates.yardstick), unit: 'req/s' },
    { name: 'http: spread of the bare server', value: 100 * spread(rates.yardstick), unit: '%' },
    {
      name: 'http: full decision',
      value: median(rates.sidecar),
      unit: 'req/s',
      ratio: median(ratios),
      interval,
      ...unlessNoisy(judge({ at: 'least', limit: 0.8 }, interval), rates.yardstick),
    },
  ];
}

/** Processor time of the whole process, threads included: what a busy machine changes least. */
function costRows(costs: Pairs): readonly Row[] {
  const ratios = costs.sidecar.map((cost, pair) => cost / (costs.yardstick[pair] ?? NaN));
  return [
    { name: 'http: processor time a request, bare server', value: median(costs.yardstick), unit: 'µs' },
    {
      name: 'http: processor time a request',
      value: median(costs.sidecar),
      unit: 'µs',
      ratio: median(ratios),
      interval: bootstrapMedian(ratios),
    },
  ];
}

async function latencyRows(
  load: Loads,
  sidecar: Endpoint,
  yardstick: Endpoint,
  rate: number,
  quick: boolean,
): Promise<readonly Row[]> {
  const found = {
    p50: { own: [] as number[], bare: [] as number[] },
    p99: { own: [] as number[], bare: [] as number[] },
  };
  for (let pair = 0; pair < (quick ? 3 : 10); pair++) {
    const own = await load.latencies(sidecar, rate, quick ? 1 : 3);
    const bare = await load.latencies(yardstick, rate, quick ? 1 : 3);
    for (const [name, q] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const) {
      found[name].own.push(quantile(own, q));
      found[name].bare.push(quantile(bare, q));
    }
  }
  const at = `at ${String(Math.round(rate))} req/s`;
  return (['p50', 'p99'] as const).flatMap((name) => {
    const { own, bare } = found[name];
    const ratios = own.map((value, pair) => value / (bare[pair] ?? NaN));
    return [
      { name: `http: ${name} ${at}, bare server`, value: median(bare), unit: 'ms' },
      {
        name: `http: ${name} ${at}`,
        value: median(own),
        unit: 'ms',
        ratio: median(ratios),
        interval: bootstrapMedian(ratios),
      },
    ];
  });
}

interface Loads {
  /** Requests a second. */
  capacity(server: Endpoint, seconds: number): Promise<number>;
  /** Requests a second. */
  fixedRateCapacity(server: Endpoint): Promise<number>;
  /** Milliseconds. */
  latencies(server: Endpoint, rate: number, seconds: number): Promise<readonly number[]>;
}

function createLoads(client: LoadClient, request: string): Loads {
  return {
    async capacity(server, seconds) {
      const result = await client.run({ ...server, request, connections, seconds });
      return result.requests / result.seconds;
    },
    fixedRateCapacity: (server) => fixedRateCapacity(client, { ...server, request, connections, seconds: 1 }),
    async latencies(server, rate, seconds) {
      const { latencies } = await client.run({ ...server, request, connections, seconds, rate });
      return latencies;
    },
  };
}

/** The sidecar's own answer, byte for byte but for what node:http adds by itself. */
async function ask({ host, port }: Endpoint, request: string): Promise<Answer> {
  const socket = connect({ host, port });
  socket.setEncoding('latin1').write(request, 'latin1');
  let text = '';
  while (!text.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [string];
    text += chunk;
  }
  socket.destroy();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  if (status !== 200) throw new Error(`the sidecar answered ${statusLine}: ${body}`);
  const headers = lines.flatMap((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon);
    return /^(date|connection|keep-alive)$/i.test(name) ? [] : [name, line.slice(colon + 1).trim()];
  });
  return { status, headers, body };
}

async function startYardstick(
  answer: Answer,
): Promise<{ readonly endpoint: Endpoint; readonly pid: number | undefined; stop(): void }> {
  const child = fork(fileURLToPath(new URL('yardstick.process.ts', import.meta.url)));
  child.send(answer);
  const [port] = (await once(child, 'message')) as [number];
  return { endpoint: { host: '127.0.0.1', port }, pid: child.pid, stop: () => child.disconnect() };
}
