import { availableParallelism } from 'node:os';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { createBcryptPasswords } from './bcrypt-passwords.ts';

/** The least that bcrypt knows: cost is not what is tested here. */
const create = (maxWaiting = 128) => createBcryptPasswords({ cost: 4, maxWaiting, metrics: new Registry() });
const { signal } = new AbortController();

describe('passwords under bcrypt', () => {
  test('are verified by the hash that they gave, which names its cost', async () => {
    const passwords = create();
    const hash = await passwords.hash('analytical engine', signal);
    expect(hash).toMatch(/^\$2b\$04\$.{53}$/);
    expect(await passwords.verify('analytical engine', hash, signal)).toBe(true);
    expect(await passwords.verify('difference engine', hash, signal)).toBe(false);
  });

  test('are never cut: what bcrypt would not see makes it another password', async () => {
    const passwords = create();
    const hash = await passwords.hash('x'.repeat(72), signal);
    expect(await passwords.verify('x'.repeat(72), hash, signal)).toBe(true);
    expect(await passwords.verify('x'.repeat(73), hash, signal)).toBe(false);
    expect(await passwords.verify(`${'x'.repeat(71)}\0`, hash, signal)).toBe(false);
    expect(await passwords.verify('x'.repeat(73), await passwords.hash('', signal), signal)).toBe(false);
    await expect(passwords.hash('x'.repeat(73), signal)).rejects.toThrow();
  });

  test('of nobody match nothing, the empty one neither', async () => {
    const passwords = create();
    expect(await passwords.verify('', undefined, signal)).toBe(false);
    expect(await passwords.verify('analytical engine', undefined, signal)).toBe(false);
  });

  test('of nobody, and too long ones, cost what others cost', async () => {
    const passwords = createBcryptPasswords({ cost: 8, maxWaiting: 1, metrics: new Registry() });
    const hash = await passwords.hash('analytical engine', signal);
    const fastest = async (password: string, of: string | undefined) => {
      const samples: number[] = [];
      for (let sample = 0; sample < 5; sample += 1) {
        const begun = performance.now();
        await passwords.verify(password, of, signal);
        samples.push(performance.now() - begun);
      }
      return Math.min(...samples);
    };
    const usual = await fastest('difference engine', hash);
    // A skipped hash would be a hundred times faster.
    expect(await fastest('difference engine', undefined)).toBeGreaterThan(usual / 2);
    expect(await fastest('x'.repeat(73), hash)).toBeGreaterThan(usual / 2);
  });

  test('too many at a time are refused 503, with a time to come back', async () => {
    const passwords = create(1);
    const room = availableParallelism() + 1;
    const results = await Promise.allSettled(Array.from({ length: room + 1 }, () => passwords.hash('analytical engine', signal)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(room);
    expect(results.at(-1)).toMatchObject({ reason: { kind: 'unavailable', code: 'hashing_busy', retryAfterSeconds: 5 } });
  });
});
