import { fakeClock } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { cacheStoreContract } from './cache-store-contract.ts';
import { createMemoryStore } from './memory-store.ts';

cacheStoreContract('memory', (clock) => createMemoryStore({ clock, maxBytes: 1_000_000 }));

describe('the memory', () => {
  const clock = fakeClock();
  const expiresAt = clock.now().getTime() + 60_000;
  const place = (key: string) => ({ key, tags: ['/v1/things'] });
  const answer = (bytes: number) => ({ madeAt: 0, expiresAt, headers: {}, body: Buffer.alloc(bytes) });

  test('is bounded: the least recently used is removed first', () => {
    const store = createMemoryStore({ clock, maxBytes: 40_000 });
    for (const key of ['a', 'b', 'c']) store.find(place(key)).keep(answer(10_000));
    store.find(place('a'));
    store.find(place('d')).keep(answer(10_000));
    expect(['a', 'b', 'c', 'd'].map((key) => store.find(place(key)).found !== undefined)).toEqual([true, false, true, true]);
  });

  test('counts long keys and headers too, and takes nothing that is larger than all of it', () => {
    const store = createMemoryStore({ clock, maxBytes: 40_000 });
    store.find(place('a')).keep(answer(1));
    expect(store.find(place('b')).keep(answer(40_000))).toBe(false);
    expect(store.find(place('a')).found, 'and nothing is lost for it').toBeDefined();
    expect(store.find(place('x'.repeat(30_000))).keep(answer(1))).toBe(false);
    const large = { ...answer(1), headers: { 'x-large': 'x'.repeat(30_000) } };
    expect(store.find(place('c')).keep(large)).toBe(false);
  });

  test('has so many entries at most, and gives back what ended', () => {
    const store = createMemoryStore({ clock, maxBytes: 100_000, maxEntries: 2 });
    for (const key of ['a', 'b', 'c']) store.find(place(key)).keep(answer(1));
    expect(['a', 'b', 'c'].map((key) => store.find(place(key)).found !== undefined)).toEqual([false, true, true]);
    const small = createMemoryStore({ clock, maxBytes: 30_000 });
    for (let n = 0; n < 50; n += 1) {
      small.find(place('a')).keep(answer(20_000));
      small.invalidate(['/v1/things']);
    }
    expect(small.find(place('b')).keep(answer(20_000))).toBe(true);
    expect(small.find(place('b')).found).toBeDefined();
  });
});
