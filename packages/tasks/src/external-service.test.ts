import { createLog, createMetrics } from '@stoa/service';
import { beforeEach, describe, expect, test } from 'vitest';
import { createExternalService, type ExternalService, ExternalServiceError, type ExternalServiceOptions } from './external-service.ts';

const log = createLog({ level: 'silent' });
let time: number;
let metrics: ReturnType<typeof createMetrics>;
const create = (more: Partial<ExternalServiceOptions> = {}): ExternalService =>
  createExternalService({
    ...{ name: 'geocoder', service: 'orders', log, metrics, timeoutMs: 10_000, concurrency: 2, queue: 1, failures: 3, openMs: 1_000 },
    now: () => time,
    ...more,
  });
beforeEach(() => {
  time = 0;
  metrics = createMetrics();
});

const fails = () => Promise.reject(new Error('away'));
const answers = () => Promise.resolve('here');
const never = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
/** What a call came to. */
const ended = (call: Promise<unknown>) =>
  call.then(
    (value) => value,
    (error) => (error instanceof ExternalServiceError ? [error.outcome, error.message] : (error as Error).message),
  );
const fail = async (service: ExternalService, times: number) => {
  for (let n = 0; n < times; n += 1) expect(await ended(service.call(fails))).toBe('away');
};
const OPEN = ['unavailable', 'not called: the circuit is open (Error)'];

describe('the circuit', () => {
  test('opens after so many failures in a row; then nothing is sent', async () => {
    const service = create();
    await fail(service, 2);
    expect(await ended(service.call(answers))).toBe('here');
    await fail(service, 3);
    let sent = 0;
    expect(await ended(service.call(async () => (sent += 1)))).toEqual(OPEN);
    expect(sent).toBe(0);
    expect(service.health()).toEqual({
      name: 'geocoder',
      background: true,
      ok: false,
      detail: 'the last calls had no answer: Error',
    });
  });

  test('lets one call through when its time is over, whose answer closes it', async () => {
    const service = create();
    await fail(service, 3);
    time = 999;
    expect(await ended(service.call(answers))).toEqual(OPEN);
    time = 1_000;
    await fail(service, 1);
    time = 1_999;
    expect(await ended(service.call(answers))).toEqual(OPEN);
    time = 2_000;
    expect(await ended(service.call(answers))).toBe('here');
    expect(service.health()).toEqual({ name: 'geocoder', background: true, ok: true });
    await fail(service, 2);
    expect(await ended(service.call(answers))).toBe('here');
  });

  test('counts as well once its time is over, as the next call is tried', async () => {
    const service = create();
    await fail(service, 3);
    time = 999;
    expect(service.health().ok).toBe(false);
    time = 1_000;
    expect(service.health()).toEqual({ name: 'geocoder', background: true, ok: true });
    await fail(service, 1);
    expect(service.health().ok).toBe(false);
  });

  test('goes by a clock that never goes back', async () => {
    const service = create();
    const real = Date.now;
    try {
      await fail(service, 3);
      Date.now = () => real() - 24 * 3_600_000;
      time = 1_000;
      expect(await ended(service.call(answers))).toBe('here');
    } finally {
      Date.now = real;
    }
  });

  test('stays closed while the service answers, though it refuses', async () => {
    class Refused extends Error {}
    const service = create({ isAnswer: (error) => error instanceof Refused });
    await fail(service, 2);
    expect(await ended(service.call(() => Promise.reject(new Refused('no such address'))))).toBe('no such address');
    await fail(service, 2);
    expect(service.health().ok).toBe(true);
  });
});

describe('a call that its caller aborts', () => {
  const aborted = async (service: ExternalService): Promise<unknown> => {
    const caller = new AbortController();
    const call = ended(service.call(never, caller.signal));
    caller.abort();
    return await call;
  };

  test('neither ends a row of failures nor is one of it', async () => {
    const service = create();
    await fail(service, 2);
    expect(await aborted(service)).toEqual(['unknown', 'aborted']);
    expect(service.health().ok).toBe(true);
    await fail(service, 1);
    expect(service.health().ok).toBe(false);
  });

  test('as the trial of an open circuit leaves it open, and the next call is the trial', async () => {
    const service = create();
    await fail(service, 3);
    time = 1_000;
    expect(await aborted(service)).toEqual(['unknown', 'aborted']);
    await fail(service, 1);
    expect(await ended(service.call(answers))).toEqual(OPEN);
    time = 2_000;
    expect(await aborted(service)).toEqual(['unknown', 'aborted']);
    expect(await ended(service.call(answers))).toBe('here');
    await fail(service, 2);
    expect(await ended(service.call(answers))).toBe('here');
  });

  test('with an answer all the same has an answer: it closes the circuit', async () => {
    const service = create({ isAnswer: (error) => (error as Error).message === 'refused' });
    await fail(service, 3);
    time = 1_000;
    const caller = new AbortController();
    const refuses = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('refused')), { once: true }));
    const call = ended(service.call(refuses, caller.signal));
    caller.abort();
    expect(await call).toBe('refused');
    await fail(service, 2);
    expect(service.health().ok).toBe(true);
  });

  test('while it waits for the trial of another one is not called, and ends at once', async () => {
    const service = create();
    await fail(service, 3);
    time = 1_000;
    const { promise: answer, resolve } = Promise.withResolvers<string>();
    const trial = service.call(() => answer);
    const caller = new AbortController();
    let calls = 0;
    const waiting = ended(service.call(async () => (calls += 1), caller.signal));
    caller.abort();
    expect(await waiting).toEqual(['transient', 'not called: aborted']);
    resolve('here');
    expect(await trial).toBe('here');
    expect(calls).toBe(0);
  });
});

describe('a call', () => {
  test('without an answer in time is given up and aborted, and may have arrived', async () => {
    const service = create({ timeoutMs: 20, failures: 1 });
    let signal: AbortSignal | undefined;
    const call = service.call((given) => {
      signal = given;
      return never(given);
    });
    expect(await ended(call)).toEqual(['unknown', 'no answer within 20 ms']);
    expect(signal?.aborted).toBe(true);
    expect(service.health()).toMatchObject({ ok: false, detail: 'the last calls had no answer: time-out' });
  });

  test('that does not end though it is aborted is abandoned', async () => {
    const service = create({ timeoutMs: 20 });
    expect(await ended(service.call(() => new Promise(() => {})))).toEqual(['unknown', 'no answer within 20 ms']);
  });

  test('that is aborted has its own result, and still counts as late', async () => {
    const service = create({ timeoutMs: 20, failures: 1 });
    const call = service.call(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('handed over')))),
    );
    expect(await ended(call)).toBe('handed over');
    expect(service.health()).toMatchObject({ ok: false, detail: 'the last calls had no answer: time-out' });
  });

  test('that its caller aborts is no failure of the service', async () => {
    const service = create({ failures: 1 });
    const caller = new AbortController();
    const call = service.call(never, caller.signal);
    caller.abort();
    expect(await ended(call)).toEqual(['unknown', 'aborted']);
    expect(service.health().ok).toBe(true);
  });

  test('beyond the slots waits for one, and beyond the queue is refused', async () => {
    const service = create();
    const slots = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const [first, second] = slots.map(({ promise }) => service.call(() => promise));
    let isBegun = false;
    const third = service.call(async () => {
      isBegun = true;
      return 'third';
    });
    expect(await ended(service.call(answers))).toEqual(['transient', 'not called: too many calls are under way']);
    expect(isBegun).toBe(false);
    slots[0]?.resolve('first');
    expect([await first, await third]).toEqual(['first', 'third']);
    slots[1]?.resolve('second');
    expect(await second).toBe('second');
  });

  test('is counted by how it ended', async () => {
    const service = create({ timeoutMs: 20, failures: 2 });
    await service.call(answers);
    await fail(service, 1);
    await ended(service.call(never));
    await ended(service.call(answers));
    const text = await metrics.metrics();
    const labels = 'service="orders",target="geocoder"';
    for (const ending of ['answered', 'failed', 'timeout'])
      expect(text).toMatch(new RegExp(`stoa_external_call_seconds_count\\{[^}]*ending="${ending}"[^}]*\\} 1`));
    expect(text).toContain(`stoa_external_circuit_open{${labels}} 1`);
    expect(text).toContain(`stoa_external_calls_not_sent_total{${labels},reason="circuit-open"} 1`);
  });
});
