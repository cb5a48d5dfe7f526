import { AppError, fakeClock } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { createFailureLimit, createMemoryRateLimiter, type RateLimiter } from './index.ts';

const policy = { name: 'failures', limit: 3, windowSeconds: 60 };
const { signal: never } = new AbortController();

function limitOf(limiter: RateLimiter = createMemoryRateLimiter(fakeClock()), limit = policy.limit) {
  const refusal = (seconds: number) => new AppError('too-many', 'enough', { message: 'Enough.', retryAfterSeconds: seconds });
  const failures = createFailureLimit({
    limiter,
    policy: { ...policy, limit },
    isFailure: (error) => error instanceof Error && error.message === 'wrong',
    refusal,
  });
  const run = <T>(work: () => Promise<T>, { key = 'a', signal = never } = {}) => failures.run(key, { signal }, work);
  const attempt = (outcome: string, key = 'a') => run(async () => await settle(outcome), { key }).catch((error: Error) => error.message);
  return { run, attempt };
}

async function settle(outcome: string): Promise<string> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (outcome === 'right') return outcome;
  throw new Error(outcome);
}

test('over two processes with one store: concurrency alone is no failure, and no more fail than the limit allows', async () => {
  const limiter = createMemoryRateLimiter(fakeClock());
  const processes = [limitOf(limiter), limitOf(limiter)];
  const times = (count: number, outcome: string) =>
    Promise.all(Array.from({ length: count }, (_, index) => processes[index % 2]?.attempt(outcome)));
  expect(new Set(await times(100, 'right'))).toEqual(new Set(['right']));
  const guesses = await times(100, 'wrong');
  expect(guesses.filter((outcome) => outcome === 'wrong')).toHaveLength(3);
  expect(guesses.filter((outcome) => outcome === 'Enough.')).toHaveLength(97);
});

test('a process that died with a reserved place keeps it, and makes nobody wait longer than a request takes', async () => {
  const clock = fakeClock();
  const limiter = createMemoryRateLimiter(clock);
  for (let n = 0; n < 3; n += 1) await limiter.reserve(policy, 'a', 15_000);
  const { run } = limitOf(limiter);
  const waiting = expect(run(() => settle('right'))).rejects.toThrow('Enough.');
  clock.advance(15_000);
  await waiting;
});

describe('a limit on failures', () => {
  test('counts wrong attempts; a right one, or one that fails otherwise, takes no place', async () => {
    const { attempt } = limitOf();
    for (const outcome of ['right', 'wrong', 'broken', 'wrong', 'right', 'wrong']) expect(await attempt(outcome)).toBe(outcome);
    expect(await attempt('right')).toBe('Enough.');
    expect(await attempt('right', 'b'), 'of another key').toBe('right');
  });

  test('admits a hundred right attempts at a time, and no more wrong ones than it allows', async () => {
    const { attempt } = limitOf();
    const many = await Promise.all(Array.from({ length: 100 }, () => attempt('right')));
    expect(new Set(many)).toEqual(new Set(['right']));
    const guesses = await Promise.all(Array.from({ length: 100 }, () => attempt('wrong')));
    expect(guesses.filter((outcome) => outcome === 'wrong')).toHaveLength(3);
    expect(guesses.filter((outcome) => outcome === 'Enough.')).toHaveLength(97);
  });

  test('shows when to retry', async () => {
    const { attempt, run } = limitOf();
    for (let n = 0; n < 3; n += 1) await attempt('wrong');
    await expect(run(() => settle('right'))).rejects.toMatchObject({ code: 'enough', retryAfterSeconds: 60 });
  });

  test('makes no caller wait longer than its signal', async () => {
    const { attempt, run } = limitOf(undefined, 1);
    const gate = Promise.withResolvers<string>();
    const first = run(() => gate.promise);
    const gone = new AbortController();
    const second = run(() => settle('right'), { signal: gone.signal });
    gone.abort(new Error('client gone'));
    await expect(second).rejects.toThrow('client gone');
    gate.resolve('right');
    expect(await first).toBe('right');
    expect(await attempt('right')).toBe('right');
  });

  test('of 0 means no limit', async () => {
    const { attempt } = limitOf(undefined, 0);
    for (let n = 0; n < 5; n += 1) expect(await attempt('wrong')).toBe('wrong');
  });

  test('that cannot give a place back lets the next in line go on', async () => {
    const clock = fakeClock();
    const memory = createMemoryRateLimiter(clock);
    const { attempt } = limitOf({ ...memory, refund: async () => Promise.reject(new Error('the store is away')) }, 1);
    const [first, second] = [attempt('right'), attempt('right')];
    expect(await first).toBe('the store is away');
    clock.advance(15_000);
    expect(await second).toBe('Enough.');
  });
});
