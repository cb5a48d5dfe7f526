import { type TestIdentity, testIdentity } from '@stoa/auth/testing';
import { createMemoryRateLimiter } from '@stoa/http';
import { DEAD_LETTERS_PATH } from '@stoa/kit';
import { createKeys, createLog, createMetrics, loadConfig, type Service, systemClock } from '@stoa/service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gateway, gatewayConfig } from '../index.ts';
import { createDeadLetterService, createSilentService } from '../testing/dead-letter-service.ts';

const derive = createKeys(Buffer.alloc(32, 9).toString('base64'));
const lines: string[] = [];
const log = createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } });
const metrics = createMetrics();

let who: TestIdentity;
let reader: string;
let replayer: string;
let stones: Awaited<ReturnType<typeof createDeadLetterService>>;
let clouds: Awaited<ReturnType<typeof createDeadLetterService>>;
let front: Service;
beforeAll(async () => {
  who = await testIdentity();
  reader = await who.person('dead-letters:read');
  replayer = await who.serviceAccount('dead-letters:replay');
  const shared = { identity: who.identity, derive, log, metrics };
  stones = await createDeadLetterService('stones', shared);
  clouds = await createDeadLetterService('clouds', shared);
  const services = [stones.service, clouds.service, await createSilentService('silent', shared)];
  front = await gateway.create({ log, derive, identity: who.identity, metrics, services, asyncApi: {} });
  await front.http.ready();
});
afterAll(async () => {
  await front.http.close();
  for (const { dispose } of [stones, clouds]) await dispose();
  await who[Symbol.asyncDispose]();
});

const ask = (method: 'GET' | 'POST', url: string, authorization: string, payload?: object) =>
  front.http.inject({ method, url, headers: { authorization }, ...(payload && { payload }) });
const list = async (query = '') => {
  const answer = await ask('GET', `/v1/dead-letters?${query}`, reader);
  expect(answer.statusCode).toBe(200);
  return answer.json() as { items: { id: string; service: string }[]; nextCursor: string | null; unavailable: string[] };
};
const clear = async () => {
  for (const service of [stones, clouds]) {
    service.setAway(false);
    await service.clear();
  }
};

describe('the list', () => {
  test('is that of all services, newest first, page by page, each letter once', async () => {
    await clear();
    const dead: string[] = [];
    // Clouds has more of the newest, stones more of the oldest; two of them at the same time.
    for (const [minute, service] of [stones, stones, stones, clouds, stones, clouds, clouds, clouds].entries())
      dead.unshift(await service.addDeadLetter(`2026-11-21T09:0${minute}:00.123456Z`));
    const seen: string[] = [];
    let cursor: string | null = '';
    let pages = 0;
    do {
      const page = await list(`limit=3${cursor && `&cursor=${cursor}`}`);
      expect(page.unavailable).toEqual([]);
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
      pages++;
    } while (cursor !== null);
    expect(seen).toEqual(dead);
    expect(pages).toBe(3);
  });

  test('shows what is known of a letter, and not its payload', async () => {
    await clear();
    const id = await stones.addDeadLetter('2026-11-21T09:00:00Z', { data: { email: 'ada@example.com' } });
    const answer = await ask('GET', '/v1/dead-letters', reader);
    expect(answer.json().items).toEqual([
      {
        id,
        service: 'stones',
        box: 'inbox',
        consumer: 'on-rain',
        messageId: expect.any(String),
        type: 'rain',
        version: 1,
        key: 'k',
        correlationId: 'c-1',
        occurredAt: expect.any(String),
        failedAt: '2026-11-21T09:00:00.000Z',
        attempts: 12,
        reason: 'too wet',
        replays: 0,
        replayedAt: null,
      },
    ]);
    expect(answer.body).not.toContain('ada@example.com');
  });

  test('is filtered by service, box, consumer and type', async () => {
    await clear();
    const rain = await stones.addDeadLetter('2026-11-21T09:00:00Z');
    const storm = await stones.addDeadLetter('2026-11-21T09:01:00Z', { consumer: 'on-storm' });
    const cloud = await clouds.addDeadLetter('2026-11-21T09:02:00Z');
    const hail = await clouds.park(new Date());
    const ids = async (query: string) => (await list(query)).items.map(({ id }) => id);
    expect(await ids('service=stones')).toEqual([storm, rain]);
    expect(await ids('box=outbox')).toEqual([hail]);
    expect(await ids('consumer=on-rain')).toEqual([cloud, rain]);
    expect(await ids('type=hail&service=clouds')).toEqual([hail]);
    expect((await ask('GET', '/v1/dead-letters?service=silent', reader)).json()).toMatchObject({ status: 400 });
  });

  test('names a service that is away, and shows what the others have', async () => {
    await clear();
    const missing = [await clouds.addDeadLetter('2026-11-21T09:03:00Z'), await clouds.addDeadLetter('2026-11-21T09:01:00Z')];
    const there = [await stones.addDeadLetter('2026-11-21T09:04:00Z'), await stones.addDeadLetter('2026-11-21T09:02:00Z')];
    clouds.setAway(true);
    const first = await list('limit=1');
    expect(first).toMatchObject({ items: [{ id: there[0] }], unavailable: ['clouds'] });
    clouds.setAway(false);
    // What was away is shown as soon as it is back.
    const rest = await list(`limit=10&cursor=${first.nextCursor}`);
    expect(rest).toMatchObject({ unavailable: [], nextCursor: null });
    expect(rest.items.map(({ id }) => id)).toEqual([missing[0], there[1], missing[1]]);
    clouds.setAway(true);
    stones.setAway(true);
    expect(await list()).toEqual({ items: [], nextCursor: null, unavailable: ['stones', 'clouds'] });
  });

  test('takes no cursor of another filter, and none that was edited', async () => {
    await clear();
    for (const minute of [1, 2]) await stones.addDeadLetter(`2026-11-21T09:0${minute}:00Z`);
    const { nextCursor } = await list('limit=1');
    for (const query of [`service=stones&cursor=${nextCursor}`, `cursor=${nextCursor}x`, 'cursor=WyJzdG9uZXMiXQ'])
      expect((await ask('GET', `/v1/dead-letters?${query}`, reader)).json()).toMatchObject({ status: 400, code: 'invalid_cursor' });
  });
});

describe('one letter', () => {
  test('shows its payload', async () => {
    await clear();
    const id = await clouds.addDeadLetter('2026-11-21T09:00:00Z', { data: { drops: [1, { of: 'rain' }] } });
    const answer = (await ask('GET', `/v1/dead-letters/${id}`, reader)).json();
    expect(answer).toMatchObject({ id, data: { drops: [1, { of: 'rain' }] }, lastReplay: null });
  });

  test.each([
    'clouds.inbox-999999',
    'clouds.inbox-0',
    'silent.inbox-1',
    'nobody.inbox-1',
    'clouds/inbox-1',
    'clouds.inbox-1..',
    '%2e%2e',
    'x',
  ])('that is not there is 404: %s', async (id) => {
    const answers = [await ask('GET', `/v1/dead-letters/${id}`, reader), await ask('POST', `/v1/dead-letters/${id}/replay`, replayer)];
    for (const answer of answers) expect(answer.statusCode).toBe(404);
  });

  test('of a service that is away is 503', async () => {
    await clear();
    const id = await clouds.addDeadLetter('2026-11-21T09:00:00Z');
    clouds.setAway(true);
    expect((await ask('GET', `/v1/dead-letters/${id}`, reader)).json()).toMatchObject({ status: 503, code: 'service_unavailable' });
  });
});

describe('a replay', () => {
  test('of one has it tried again, once, and the log says who requested it', async () => {
    await clear();
    const [id, other] = [await stones.addDeadLetter('2026-11-21T09:00:00Z'), await stones.addDeadLetter('2026-11-21T09:00:00Z')];
    lines.length = 0;
    const answer = await ask('POST', `/v1/dead-letters/${id}/replay`, replayer);
    expect([answer.statusCode, answer.body]).toEqual([202, '']);
    expect(await stones.statusOf(id)).toBe('pending');
    expect(await stones.statusOf(other)).toBe('dead');
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        msg: 'dead letter replayed',
        deadLetter: id.split('.')[1],
        by: expect.stringMatching(/^service-account:/),
      }),
    );
    expect((await ask('POST', `/v1/dead-letters/${id}/replay`, replayer)).json()).toMatchObject({
      status: 404,
      code: 'dead_letter_not_found',
    });
  });

  test('of one that is too old is refused', async () => {
    await clear();
    const id = await stones.park(new Date(Date.now() - 60 * 86_400_000));
    expect((await ask('POST', `/v1/dead-letters/${id}/replay`, replayer)).json()).toMatchObject({
      status: 409,
      code: 'dead_letter_too_old',
    });
  });

  test('of all that match has those tried again, in all services, and names those that are unavailable', async () => {
    await clear();
    const ids = [await stones.addDeadLetter('2026-11-21T09:00:00Z'), await clouds.addDeadLetter('2026-11-21T09:00:00Z')];
    const other = await stones.addDeadLetter('2026-11-21T09:00:00Z', { consumer: 'on-storm' });
    const replay = async (body: object) => (await ask('POST', '/v1/dead-letters/replay', replayer, body)).json();
    expect(await replay({ consumer: 'on-rain' })).toEqual({ replayed: 2, unavailable: [] });
    expect(await stones.statusOf(ids[0] as string)).toBe('pending');
    expect(await clouds.statusOf(ids[1] as string)).toBe('pending');
    expect(await stones.statusOf(other)).toBe('dead');
    clouds.setAway(true);
    expect(await replay({})).toEqual({ replayed: 1, unavailable: ['clouds'] });
    expect(await replay({ consumers: 'on-rain' })).toMatchObject({ status: 400 });
  });

  test('of many goes on until all have their turn, so many a second in each service, and says who requested it', async () => {
    await clear();
    await stones.addDeadLetters(2_500);
    const one = await clouds.addDeadLetter('2026-11-21T09:00:00Z');
    const answer = await ask('POST', '/v1/dead-letters/replay', replayer, { type: 'rain', ratePerSecond: 10 });
    expect(answer.json()).toEqual({ replayed: 2_501, unavailable: [] });
    expect(await stones.secondsOfReplay()).toBeGreaterThan(150);
    await clouds.giveUpAgain();
    expect((await ask('GET', `/v1/dead-letters/${one}`, reader)).json()).toMatchObject({
      replays: 1,
      lastReplay: {
        at: expect.any(String),
        by: expect.stringMatching(/^service-account:/),
        filter: { type: 'rain' },
        ratePerSecond: 10,
        replayed: 1,
      },
    });
    for (const ratePerSecond of [0, -1, 1_001, 1.5, '5'])
      expect((await ask('POST', '/v1/dead-letters/replay', replayer, { ratePerSecond })).json()).toMatchObject({ status: 400 });
  });
});

describe('who may', () => {
  test.each([
    ['GET', '/v1/dead-letters', 'dead-letters:read'],
    ['GET', '/v1/dead-letters/stones.inbox-1', 'dead-letters:read'],
    ['POST', '/v1/dead-letters/stones.inbox-1/replay', 'dead-letters:replay'],
    ['POST', '/v1/dead-letters/replay', 'dead-letters:replay'],
  ] as const)('%s %s needs %s', async (method, url, permission) => {
    const others = ['dead-letters:read', 'dead-letters:replay', 'mails:read'].filter((other) => other !== permission);
    expect((await front.http.inject({ method, url })).json()).toMatchObject({ code: 'token_missing' });
    expect((await ask(method, url, await who.person(...others))).json()).toMatchObject({ code: 'permission_denied' });
    expect((await ask(method, url, await who.person(permission), method === 'POST' ? {} : undefined)).json()).not.toMatchObject({
      code: 'permission_denied',
    });
  });

  test('nobody from outside reaches the routes of the services', async () => {
    const admin = await who.person('dead-letters:read', 'dead-letters:replay');
    expect((await ask('GET', DEAD_LETTERS_PATH, admin)).statusCode).toBe(404);
    const direct = await stones.service.http.inject({ url: `${DEAD_LETTERS_PATH}?limit=1`, headers: { authorization: admin } });
    expect(direct.json()).toMatchObject({ status: 401, code: 'service_credential_invalid' });
  });
});

test('requests are counted with all others: by account with a valid token, by client IP without', async () => {
  const settings = { PUBLIC_READS_PER_MINUTE: '1', SIGNED_IN_READS_PER_MINUTE: '2', WRITES_PER_MINUTE: '1' };
  const counting = await gateway.create({
    ...{ log, derive, identity: who.identity, metrics: createMetrics(), services: [stones.service], asyncApi: {} },
    limiter: createMemoryRateLimiter(systemClock),
    config: loadConfig(gatewayConfig, settings),
  });
  const send = async (method: 'GET' | 'HEAD' | 'POST', path = '', authorization?: string) => {
    const request = { method, url: `/v1/dead-letters${path}`, headers: authorization ? { authorization } : {} };
    const { statusCode, headers } = await counting.http.inject(request);
    return [statusCode, headers['ratelimit']];
  };
  expect(await send('HEAD', '', reader)).toEqual([200, '"signed-in-reads";r=1;t=60']);
  expect(await send('GET', '/stones.inbox-1', reader)).toEqual([404, '"signed-in-reads";r=0;t=60']);
  expect(await send('GET', '', reader)).toEqual([429, '"signed-in-reads";r=0;t=60']);
  expect(await send('POST', '/stones.inbox-1/replay', replayer)).toEqual([404, '"writes";r=0;t=60']);
  expect(await send('POST', '/replay', replayer)).toEqual([429, '"writes";r=0;t=60']);
  expect(await send('GET')).toEqual([401, '"public-reads";r=0;t=60']);
  expect(await send('GET')).toEqual([429, '"public-reads";r=0;t=60']);
  await counting.http.close();
});
