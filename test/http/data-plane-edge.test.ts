import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Decision } from '../../sidecar/core/decision.ts';
import { decide } from '../../sidecar/core/decide.ts';
import { allowedHeaders, rawQuestion, startDataPlane } from '../support/data-plane.ts';
import { deciding, question, snapshotOf, usual } from '../support/deciding.ts';
import { connectRaw, statusesOf } from '../support/raw-connection.ts';

const twoAnswers = /(HTTP\/1\.1[^]*\r\n\r\n[^]*){2}/;

it('answers pipelined questions in order, also when the first takes longer', async (t) => {
  const ctx = deciding(await snapshotOf(usual()));
  const first = Promise.withResolvers<Decision>();
  const plane = await startDataPlane(t, {
    decide: (asked) => {
      const decision = decide(asked, ctx) as Decision;
      return asked.headers['x-cf-request-id'] === 'slow' ? first.promise.then(() => decision) : decision;
    },
  });
  const connection = await connectRaw({ port: plane.port });
  connection.send(rawQuestion({ 'X-CF-Request-Id': 'slow', authorization: 'Bearer cf_unknown' }) + rawQuestion());
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(connection.received, '', 'the second answer waits for the first');
  first.resolve(await decide(question(), ctx));
  const received = await connection.until(twoAnswers);
  connection.destroy();
  assert.deepEqual(statusesOf(received), [401, 200]);
});

it('reads the next question after a body, and never as one', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  const smuggled = rawQuestion({}, 'GET /api/auth/smuggled HTTP/1.1');
  connection.send(rawQuestion({ 'Content-Length': String(smuggled.length) }, 'POST /api/auth HTTP/1.1') + smuggled);
  connection.send(rawQuestion({}, 'GET /api/auth/api HTTP/1.1'));
  const received = await connection.until(twoAnswers);
  connection.destroy();
  assert.deepEqual(statusesOf(received), [200, 200]);
  assert.deepEqual(plane.questions.map(({ upstream }) => upstream).sort(), ['api', undefined]);
});

it('refuses what says its length twice', async (t) => {
  const plane = await startDataPlane(t);
  for (const both of [
    { 'Content-Length': '4', 'Transfer-Encoding': 'chunked' },
    { 'Content-Length': '4, 4' },
    { 'Transfer-Encoding': 'chunked, identity' },
  ]) {
    const connection = await connectRaw({ port: plane.port });
    connection.send(`${rawQuestion(both, 'POST /api/auth HTTP/1.1')}0\r\n\r\n`);
    assert.deepEqual(statusesOf(await connection.closed()), [400], JSON.stringify(both));
    connection.destroy();
  }
  assert.deepEqual(plane.questions, []);
});

it('ends the connection over a body that is too long, before and while it comes', async (t) => {
  const plane = await startDataPlane(t);
  const announced = await connectRaw({ port: plane.port });
  announced.send(rawQuestion({ 'Content-Length': '1048577' }, 'POST /api/auth HTTP/1.1'));
  const answer = await announced.closed();
  assert.deepEqual(statusesOf(answer), [413]);
  assert.match(answer, /Connection: close/);

  const chunked = await connectRaw({ port: plane.port });
  chunked.send(rawQuestion({ 'Transfer-Encoding': 'chunked' }, 'POST /api/auth HTTP/1.1'));
  for (let i = 0; i < 17 && chunked.open; i++) chunked.send(`10000\r\n${'x'.repeat(65_536)}\r\n`);
  await chunked.closed();
  assert.deepEqual(plane.questions, [], 'nothing was decided');
  const next = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
  assert.equal(next.status, 200);
});

it('gives the first of repeated headers, and names those that differ', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  const same = rawQuestion().replace('\r\n\r\n', '\r\nX-Api-Key: cf_team\r\nx-api-key: cf_team\r\n\r\n');
  const differing = rawQuestion().replace('\r\n\r\n', '\r\nX-API-KEY: cf_team\r\nx-api-key: cf_other\r\n\r\n');
  connection.send(same + differing);
  const received = await connection.until(twoAnswers);
  connection.destroy();
  assert.deepEqual(statusesOf(received), [200, 401]);
  assert.deepEqual(
    plane.questions.map(({ conflicting, headers }) => [conflicting, headers['x-api-key']]),
    [
      [[], 'cf_team'],
      [['x-api-key'], 'cf_team'],
    ],
  );
});

it('denies two gateway keys', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  connection.send(rawQuestion().replace('\r\n\r\n', '\r\nx-cf-gateway-key: another\r\n\r\n'));
  assert.deepEqual(statusesOf(await connection.until(/gateway key is not known/)), [401]);
  connection.destroy();
});

it('gives headers that inherit nothing', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  connection.send(
    rawQuestion({ __proto__x: '1' }).replace('__proto__x', '__proto__').replace('Host', 'Constructor: x\r\nHost'),
  );
  await connection.until(/\r\n\r\n/);
  connection.destroy();
  const headers = plane.questions[0]?.headers;
  assert.equal(headers?.['__proto__'], '1', 'a name like any other');
  assert.equal(headers['constructor'], 'x');
  assert.equal(headers['tostring'], undefined);
  assertInheritsNothing(headers);
});

it('reads a question without repeats just so', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  connection.send(rawQuestion({ 'Set-Cookie': 'a=b' }) + rawQuestion());
  await connection.until(twoAnswers);
  connection.destroy();
  for (const { headers, conflicting } of plane.questions) {
    assertInheritsNothing(headers);
    assert.equal(headers['constructor'], undefined);
    assert.equal(headers['x-cf-route'], 'api');
    assert.deepEqual(conflicting, []);
  }
  assert.equal(plane.questions[0]?.headers['set-cookie'], 'a=b');
});

it('answers 431 to a bomb of headers, by size and by number, and goes on', async (t) => {
  const plane = await startDataPlane(t);
  const large = await connectRaw({ port: plane.port });
  large.send(rawQuestion({ 'X-Large': 'x'.repeat(70_000) }));
  assert.deepEqual(statusesOf(await large.closed()), [431]);

  const many = await connectRaw({ port: plane.port });
  many.send(rawQuestion(Object.fromEntries(Array.from({ length: 2_500 }, (_, i) => [`x-${i}`, '1']))));
  assert.deepEqual(statusesOf(await many.closed()), [431]);
  assert.deepEqual(plane.questions, []);

  const next = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
  assert.equal(next.status, 200);
});

it('answers 400 to what is not HTTP and closes', async (t) => {
  const plane = await startDataPlane(t);
  for (const garbage of [
    'NOT HTTP\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01',
    'GET /api/auth HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n',
    'GET /api/auth HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n',
    'GET /api/auth HTTP/1.1\r\n\r\n',
  ]) {
    const connection = await connectRaw({ port: plane.port });
    connection.send(garbage);
    assert.deepEqual(statusesOf(await connection.closed()), [400], JSON.stringify(garbage));
    connection.destroy();
  }
  assert.deepEqual(plane.questions, []);
});

it('sends no allow on a connection that turned to garbage while the decision was made', async (t) => {
  const ctx = deciding(await snapshotOf(usual()));
  const pending = Promise.withResolvers<Decision>();
  const plane = await startDataPlane(t, { decide: () => pending.promise });
  const connection = await connectRaw({ port: plane.port });
  connection.send(`${rawQuestion()}garbage\r\n\r\n`);
  await connection.until(/ 400 /);
  pending.resolve(await decide(question(), ctx));
  const received = await connection.closed();
  assert.deepEqual(statusesOf(received), [400]);
  assert.doesNotMatch(received, /upstream-secret/);
  assert.deepEqual(plane.log.events(), []);
});

it('answers a client that has closed its own half', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  connection.send(rawQuestion());
  connection.halfClose();
  assert.deepEqual(statusesOf(await connection.closed()), [200]);
});

it('survives clients that close a half or all before the decision is there', async (t) => {
  const ctx = deciding(await snapshotOf(usual()));
  const plane = await startDataPlane(t, {
    decide: async (asked) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return decide(asked, ctx);
    },
  });
  const half = await connectRaw({ port: plane.port });
  half.send(rawQuestion());
  half.halfClose();
  await half.closed();

  for (const sent of [rawQuestion(), rawQuestion({ 'Content-Length': '10' }, 'POST /api/auth HTTP/1.1')]) {
    const gone = await connectRaw({ port: plane.port });
    gone.send(sent);
    gone.destroy();
  }
  await new Promise((resolve) => setTimeout(resolve, 60));
  const next = await fetch(`${plane.url}/api/auth`, { headers: allowedHeaders });
  assert.equal(next.status, 200);
  assert.deepEqual(plane.log.events(), []);
});

it('passes bytes beyond ASCII as they are', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  connection.send(rawQuestion({ 'X-CF-Request-Id': 'gr\xc3\xbc\xc3\x9fe' }));
  await connection.until(/\r\n\r\n/);
  connection.destroy();
  assert.equal(plane.questions[0]?.headers['x-cf-request-id'], 'gr\xc3\xbc\xc3\x9fe');
});

it('keeps connections longer than the gateway does', async (t) => {
  const plane = await startDataPlane(t);
  const connection = await connectRaw({ port: plane.port });
  connection.send(rawQuestion());
  const received = await connection.until(/\r\n\r\n/);
  connection.destroy();
  assert.match(received, /Connection: keep-alive\r\nKeep-Alive: timeout=75\r\n/);
});

function assertInheritsNothing(headers: object): void {
  assert.equal('toString' in headers, false);
  for (let proto: unknown = Object.getPrototypeOf(headers); proto !== null; proto = Object.getPrototypeOf(proto)) {
    assert.deepEqual(Reflect.ownKeys(proto as object), []);
  }
}
