/** The resources that the benches run on, and the question that they ask. */

export const upstreamId = 'openai';
export const consumerId = 'team-0';
export const secretVariable = 'BENCH_UPSTREAM_KEY';
export const secret = 'sk-bench-0123456789abcdef0123456789abcdef';

export const gatewayKey = 'cfg_bench0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

export interface Size {
  readonly consumers: number;
  readonly policies: number;
  /** Besides `openai`. */
  readonly otherUpstreams?: number;
  /** Changes a label of every consumer, so that an apply has all of them to write. */
  readonly edition?: number;
}

/** 1 + n upstreams with a credential each, consumers and policies: a resource file as a person would write it. */
export function writeResources({ consumers, policies, otherUpstreams = 0, edition = 0 }: Size): string {
  const upstreams = [upstreamId, ...Array.from({ length: otherUpstreams }, (_, i) => `api-${String(i)}`)];
  const lines = ['upstreams:'];
  for (const id of upstreams) {
    const preset = id === upstreamId ? 'openai' : 'generic';
    lines.push(`  - id: ${id}`, `    preset: ${preset}`, `    base_url: https://${id}.example.com`);
  }
  lines.push('credentials:');
  for (const id of upstreams) {
    lines.push(`  - id: ${id}-main`, `    upstream: ${id}`, `    secret: { from: env, name: ${secretVariable} }`);
  }
  lines.push('consumers:');
  for (let i = 0; i < consumers; i++) {
    lines.push(
      `  - id: team-${String(i)}`,
      `    owner: team-${String(i)}@example.com`,
      `    groups: [group-${String(i % 100)}]`,
    );
    lines.push(`    labels: { edition: "${String(edition)}" }`);
  }
  lines.push('policies:');
  for (let i = 0; i < policies; i++) lines.push(...policy(i, consumers));
  return `${lines.join('\n')}\n`;
}

/** The first one allows the question; the others are about everybody, one of them each. */
function policy(i: number, consumers: number): readonly string[] {
  const paths = i === 0 ? '["/v1/chat/completions", "/v1/embeddings"]' : `["/v1/area-${String(i % 50)}/*/items"]`;
  return [
    `  - id: policy-${String(i)}`,
    '    effect: allow',
    i % 10 === 9 ? `    groups: [group-${String(i % 100)}]` : `    consumers: [team-${String(i % consumers)}]`,
    `    upstreams: [${upstreamId}]`,
    '    methods: [POST]',
    `    paths: ${paths}`,
  ];
}

/** What the gateway sends: forward-auth's own headers, and those that apisix-conf/apisix.yaml adds. */
export function question(token: string): Readonly<Record<string, string>> {
  return {
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Method': 'POST',
    'X-Forwarded-Host': 'gateway.example.com',
    'X-Forwarded-Uri': '/openai/v1/chat/completions',
    'X-Forwarded-For': '203.0.113.7',
    'X-CF-Gateway-Key': gatewayKey,
    'X-CF-Route': upstreamId,
    'X-CF-Request-Id': '4fb3a1d2c9e84d0f8a6b7c1d2e3f4a5b',
    'X-CF-Raw-Uri': '/openai/v1/chat/completions',
    'X-CF-Upstream-Uri': '/v1/chat/completions',
    Authorization: `Bearer ${token}`,
  };
}

/** The same as bytes on the wire. */
export function questionBytes(host: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /api/auth HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: lua-resty-http/0.17.2 (Lua) ngx_lua/10028\r\n${lines.join('')}\r\n`;
}
