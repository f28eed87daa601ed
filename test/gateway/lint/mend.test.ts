import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyMends } from '../../../sidecar/gateway/lint/mend/apply-mends.ts';
import { entriesOf, lintFiles, readEntry } from './corpus.ts';

/** One round of `--fix` on one text. */
function fixed(text: string, rules?: readonly string[]) {
  const { mends } = lintFiles([{ file: 'apisix.yaml', text }]);
  const own = mends.filter(({ finding }) => rules === undefined || rules.includes(finding.rule));
  return applyMends(
    text,
    own.flatMap((one) => one.mends),
  ).text;
}

const block = `# the first line stays
routes:
  - id: openai # so does this
    uri: /openai/*
    plugins:
      forward-auth:
        # where to ask
        uri: 'http://127.0.0.1:9280/api/auth' # quoted
        allow_degradation: true   # never locked out
        status_on_error: 403
        request_headers:
          - authorization
          # one that has no business here
          - X-Forwarded-Uri # nor this
          - x-api-key
        extra_headers:
          X-CF-Route: $route_id
        upstream_headers: ["Authorization", x-api-key] # two
#END
`;

describe('--fix', () => {
  it('changes the value alone: comments, quotes and spaces stay', () => {
    assert.equal(
      fixed(block, ['degradation', 'status-on-error']),
      block.replace('true   #', 'false   #').replace('403', '503'),
    );
  });
  it('adds to a list in lines', () => {
    assert.equal(
      fixed(block, ['request-headers-slot']),
      block.replace(
        '          - x-api-key\n',
        '          - x-api-key\n          - api-key\n          - x-goog-api-key\n',
      ),
    );
  });
  it('removes a line of a list', () => {
    assert.equal(
      fixed(block, ['request-headers-forbidden']),
      block.replace('          - X-Forwarded-Uri # nor this\n', ''),
    );
  });
  it('adds to a list in brackets and a key to a map', () => {
    const text = fixed(block, ['upstream-headers-slot', 'upstream-headers-case', 'keepalive-pool']);
    assert.match(text, /upstream_headers: \[authorization, x-api-key, api-key, x-goog-api-key\] # two\n/);
    assert.match(text, /# where to ask\n {8}keepalive_pool: 320\n {8}uri: /);
  });
  it('makes what is missing altogether', () => {
    const text = fixed(block.replace(/ {8}extra_headers:\n.*\n/, ''), ['question-without-route']);
    assert.match(text, /\n {8}extra_headers: \{ ?X-CF-Route: \$route_id ?\}\n/);
  });
  it('writes JSON as JSON', () => {
    const text = JSON.stringify(
      { routes: [{ id: 'a', uri: '/*', plugins: { 'forward-auth': { uri: 'http://127.0.0.1:9280/api/auth' } } }] },
      undefined,
      2,
    );
    const { routes } = JSON.parse(fixed(text)) as {
      routes: { plugins: { 'forward-auth': { status_on_error: number; upstream_headers: string[] } } }[];
    };
    const auth = routes[0]?.plugins['forward-auth'];
    assert.equal(auth?.status_on_error, 503);
    assert.ok(auth.upstream_headers.includes('cfcredential'));
  });
  it('keeps carriage returns, and the line at the end', () => {
    const text = fixed(block.replaceAll('\n', '\r\n').replace('#END\r\n', ''), ['missing-end', 'degradation']);
    assert.match(text, /allow_degradation: false {3}# never locked out\r\n/);
    assert.match(text, /\n#END\n$/);
  });
  it('follows an anchor to where the value stands', () => {
    const text = block.replace('forward-auth:\n', 'forward-auth: &auth\n').replace(
      '#END',
      `  - id: second
    uri: /second/*
    plugins: { forward-auth: *auth }
#END`,
    );
    assert.equal(fixed(text, ['degradation']), text.replace('true   #', 'false   #'));
  });
  it('leaves nothing to mend in any bad configuration, and breaks none', () => {
    for (const name of entriesOf('bad')) {
      for (const { text } of readEntry('bad', name)) {
        const after = fixed(text);
        const { mends, problems } = lintFiles([{ file: 'apisix.yaml', text: after }]);
        assert.deepEqual(problems, [], name);
        assert.deepEqual(
          mends.map(({ finding }) => `${finding.rule} ${finding.path}`),
          [],
          name,
        );
      }
    }
  });
});
