import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { activate, latestMail, logIn, post, register, somebody } from './client.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from './otlp-receiver.ts';
import { type DataFolder, dataFolder, type StoaProcess, startStoa } from './stoa-process.ts';

/** Prints to standard error which packages of OpenTelemetry a process loads. */
const TELL_LOADED = `--import=data:text/javascript,${encodeURIComponent(
  `import { registerHooks } from 'node:module';
   registerHooks({ resolve(name, context, next) { if (name.startsWith('@opentelemetry/')) console.error('loaded ' + name); return next(name, context); } });`,
)}`;

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

const isSpread = process.env['STOA_TEST_TOPOLOGY'] === 'spread';

let folder: DataFolder;
beforeAll(async () => {
  folder = await dataFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

describe('with a collector', () => {
  let collector: OtlpReceiver;
  let stoa: StoaProcess;
  beforeAll(async () => {
    collector = await startOtlpReceiver();
    stoa = await startStoa({
      dataDirectory: folder.path,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-team=stoa-e2e',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=e2e',
        LOG_LEVEL: 'info',
        NODE_OPTIONS: TELL_LOADED,
      },
    });
  });
  afterAll(async () => {
    expect(await stoa.stop()).toBe(0);
    await collector[Symbol.asyncDispose]();
  });

  const spansOf = (traceId: string) => collector.spans.filter((span) => span.traceId === traceId);
  /** The spans of the trace, once all of these are there: every process sends its own at its own time. */
  const traceWith = (traceId: string, ...ways: readonly string[]) =>
    eventually(
      async () => {
        const spans = spansOf(traceId);
        expect(spans.map((span) => wayTo(spans, span).join(' > '))).toEqual(expect.arrayContaining([...ways]));
        return spans;
      },
      { timeoutMs: 30_000 },
    );
  /** The names from a span up to where the trace begins. */
  const wayTo = (spans: readonly ReceivedSpan[], span: ReceivedSpan | undefined): string[] =>
    span === undefined
      ? []
      : [
          ...wayTo(
            spans,
            spans.find(({ spanId }) => spanId === span.parentSpanId),
          ),
          `${span.kind} ${span.name}`,
        ];

  test('a registration is one trace: request, statements, message, its handler, the mail and the call for its code', async () => {
    const ada = somebody();
    const sent = `00-${TRACE}-${SPAN}-01`;
    const registered = await post(`${stoa.url}/v1/users`, ada, { traceparent: sent, tracestate: 'vendor=kept' });
    expect(registered.status).toBe(201);
    const request = isSpread ? 'server POST /v1/users > client POST users > server POST /v1/users' : 'server POST /v1/users';
    const handled = `${request} > producer publish activation-requested > consumer process activation-requested`;
    const spans = await traceWith(
      TRACE,
      request,
      `${request} > client INSERT users`,
      `${request} > client INSERT outbox`,
      `${request} > client COMMIT`,
      `${request} > producer publish activation-requested`,
      handled,
      `${handled} > client INSERT mails`,
      `${handled} > consumer deliver welcome`,
      `${handled} > consumer deliver welcome > client POST users > server POST /internal/activation-codes > client SELECT activation_requests`,
      `${handled} > consumer deliver welcome > client send mail`,
    );
    // All hang together, on what the client sent.
    expect(new Set(spans.map((span) => wayTo(spans, span)[0]))).toEqual(new Set(['server POST /v1/users']));
    expect(new Set(spans.map(({ traceState }) => traceState))).toEqual(new Set(['vendor=kept']));
    const edge = spans.find(({ parentSpanId }) => parentSpanId === SPAN);
    expect(edge).toMatchObject({
      name: 'POST /v1/users',
      isError: false,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/v1/users',
        'stoa.service': 'users',
        'url.scheme': 'http',
        'http.response.status_code': 201,
      },
      resource: { 'service.name': isSpread ? 'gateway' : 'stoa', 'deployment.environment.name': 'e2e' },
    });
    expect(spans.find(({ name }) => name === 'INSERT users')?.attributes).toMatchObject({
      'db.system.name': 'postgresql',
      'db.namespace': 'stoa_users',
    });
    expect(spans.find(({ name }) => name === 'process activation-requested')?.attributes).toMatchObject({
      'messaging.consumer.group.name': 'on-activation-requested',
      'messaging.message.conversation_id': registered.headers.get('x-correlation-id'),
    });
    // The lines of the log lead to the trace.
    await eventually(() => {
      const lines = stoa.output().split('\n');
      const told = lines.filter((line) => line.includes(`"traceId":"${TRACE}"`)).map((line) => (JSON.parse(line) as { msg: string }).msg);
      expect(told).toEqual(expect.arrayContaining(['request', 'mail finished']));
    });
    expect(collector.headers.at(-1)).toMatchObject({ 'x-team': 'stoa-e2e' });
  });

  test('what the client does not want sampled is not sampled, in any process', async () => {
    const trace = 'c'.repeat(32);
    const grace = somebody();
    await post(`${stoa.url}/v1/users`, grace, { traceparent: `00-${trace}-${SPAN}-00` });
    await latestMail(stoa.url, grace.email);
    // The spans of a later request have arrived.
    const later = 'd'.repeat(32);
    await fetch(`${stoa.url}/v1/users/me`, { headers: { traceparent: `00-${later}-${SPAN}-01` } });
    await traceWith(later, 'server GET /v1/users/me');
    expect(spansOf(trace)).toEqual([]);
  });

  test.for([
    ['malformed', '00-what-01'],
    ['all zero', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['of version ff', `ff-${'e'.repeat(32)}-${SPAN}-01`],
  ])('a trace that is %s begins anew, and is sampled by our own choice', async ([, traceparent]) => {
    const correlationId = somebody().email.split('@')[0] as string;
    const before = collector.spans.length;
    await fetch(`${stoa.url}/v1/users/me`, { headers: { traceparent: traceparent as string, 'x-correlation-id': correlationId } });
    const root = await eventually(async () => {
      const found = collector.spans
        .slice(before)
        .find(({ name, parentSpanId }) => name === 'GET /v1/users/me' && parentSpanId === undefined);
      if (found === undefined) throw new Error('no such beginning of a trace');
      return found;
    });
    expect(traceparent).not.toContain(root.traceId);
  });

  test('spans of failures are marked, by codes alone, and neither health nor metrics make any', async () => {
    const before = collector.spans.length;
    for (const path of ['/health/live', '/health/ready', '/metrics']) await fetch(`${stoa.url}${path}`);
    const missing = 'f'.repeat(32);
    await fetch(`${stoa.url}/v1/nobody@example.com?email=nobody@example.com`, { headers: { traceparent: `00-${missing}-${SPAN}-01` } });
    const spans = await traceWith(missing, 'server GET');
    expect(spans).toMatchObject([{ kind: 'server', isError: false, attributes: { 'http.response.status_code': 404 } }]);
    expect(spans[0]?.attributes).not.toHaveProperty('http.route');
    expect(collector.spans.slice(before).filter(({ name }) => /health|metrics/.test(name))).toEqual([]);
  });

  test('no span contains what people send, or who they are', async () => {
    const person = {
      ...somebody(),
      fullName: 'Countess Lovelace',
      login: `lovelace${Date.now()}`,
      phone: `+4915${String(Date.now()).slice(-9)}`,
    };
    const trace = 'b'.repeat(32);
    expect((await register(stoa.url, person)).status).toBe(201);
    const { code } = await latestMail(stoa.url, person.email);
    await logIn(stoa.url, { ...person, password: 'wrong pass phrase' });
    expect((await activate(stoa.url, person, code as string)).status).toBe(200);
    const { accessToken, refreshToken } = (await (await logIn(stoa.url, person)).json()) as Record<string, string>;
    const headers = { authorization: `Bearer ${accessToken}`, traceparent: `00-${trace}-${SPAN}-01` };
    // A query that is refused must not be in a span either.
    expect((await fetch(`${stoa.url}/v1/users/me?asked=quite-secretly`, { headers })).status).toBe(400);
    const me = await fetch(`${stoa.url}/v1/users/me`, { headers });
    const { id } = (await me.json()) as { id: string };
    await fetch(`${stoa.url}/v1/users/${id}`, { headers: { authorization: `Bearer ${accessToken}` } });
    const last = 'a'.repeat(32);
    await fetch(`${stoa.url}/v1/users/me`, { headers: { traceparent: `00-${last}-${SPAN}-01` } });
    await traceWith(trace, 'server GET /v1/users/me');
    await traceWith(last, 'server GET /v1/users/me');
    const { email, password, fullName, login, phone } = person;
    const secrets = {
      email,
      password,
      fullName,
      login,
      phone,
      id,
      accessToken,
      refreshToken,
      wrong: 'wrong pass phrase',
      query: 'quite-secretly',
      address: '127.0.0.1',
    };
    for (const [what, secret] of Object.entries(secrets)) {
      expect(secret, what).toBeTruthy();
      expect(collector.raw().includes(secret as string), what).toBe(false);
    }
    const values = collector.spans.flatMap(({ attributes }) => Object.values(attributes));
    expect(values).not.toContain(code);
  });

  test('the SDK is loaded where there is a collector', () => {
    expect(stoa.output()).toContain('loaded @opentelemetry/sdk-trace');
  });
});

test('a collector that never answers delays neither requests nor the stop', async () => {
  const hanging = createServer(() => {}).listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const { port } = hanging.address() as AddressInfo;
  const stoa = await startStoa({
    dataDirectory: folder.path,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: '50', OTEL_EXPORTER_OTLP_TIMEOUT: '60000' },
  });
  const ada = somebody();
  expect((await register(stoa.url, ada)).status).toBe(201);
  expect((await latestMail(stoa.url, ada.email)).code).toMatch(/^\d{4}$/);
  const begun = performance.now();
  expect(await stoa.stop()).toBe(0);
  // The exporter itself would wait for a minute.
  expect(performance.now() - begun).toBeLessThan(20_000);
  hanging.close();
});

test('without the variable the SDK is not loaded and nothing is sent', async () => {
  await using collector = await startOtlpReceiver();
  // Neither the default of OpenTelemetry nor any other variable makes it send.
  const env = { OTEL_SERVICE_NAME: 'stoa', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/v1/traces`, NODE_OPTIONS: TELL_LOADED };
  const stoa = await startStoa({ dataDirectory: folder.path, env });
  const ada = somebody();
  await register(stoa.url, ada);
  await latestMail(stoa.url, ada.email);
  expect(await stoa.stop()).toBe(0);
  // The API alone comes with prom-client.
  expect(stoa.output()).not.toMatch(/loaded @opentelemetry\/(?!api)/);
  expect(collector.headers).toEqual([]);
});
