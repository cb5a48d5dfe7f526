import type { Logger } from '@stoa/service';
import { expect, test } from 'vitest';
import { createWaitingRoutes } from './waiting-routes.ts';

const open = { subscriber: 'garden', type: 'rain' };
const gone = { subscriber: 'gone', type: 'rain' };

function listening() {
  const lines: string[] = [];
  const note = (_: object, line: string) => void lines.push(line);
  return { routes: createWaitingRoutes({ info: note, warn: note } as unknown as Logger), lines };
}

test('a subscriber sleeps for the type that it does not take, and no other does; it is logged once', () => {
  const { routes, lines } = listening();
  for (let now = performance.now(), tries = 0; tries < 5; tries++, now += 60_000) {
    routes.sleep(gone, 'gone is not there', now);
    routes.wake(open);
    expect([gone, open, { ...gone, type: 'snow' }].map(routes.isAsleep)).toEqual([true, false, false]);
  }
  expect(routes.describe()).toBe('rain waits: gone is not there');
  expect(lines).toEqual(['messages wait: a declared subscriber does not take them']);
  routes.wake(gone);
  expect(routes.describe()).toBeUndefined();
  expect(lines).toHaveLength(2);
});

test('one that sleeps is not read, but tried when its sleep is over, once until that has ended', () => {
  const { routes } = listening();
  const now = performance.now();
  routes.add(open);
  expect(routes.due(now)).toMatchObject([open]);
  routes.sleep(open, 'not there', now);
  expect([routes.due(now), routes.toTry(now)]).toEqual([[], []]);
  const until = now + routes.nextMs(now);
  expect(routes.toTry(until)).toMatchObject([open]);
  expect(routes.toTry(until + 60_000)).toEqual([]);
  expect(routes.nextMs(until)).toBe(Number.POSITIVE_INFINITY);
  // The result of the try is not known.
  routes.tried(open, until);
  expect(routes.nextMs(until)).toBeGreaterThan(0);
  expect(routes.toTry(until + routes.nextMs(until))).toMatchObject([open]);
  routes.wake(open);
  expect(routes.due(until)).toMatchObject([open]);
});

test('one with nothing left is forgotten, and one with something later is read when that is due', () => {
  const { routes, lines } = listening();
  const now = performance.now();
  routes.add(open);
  routes.sleep(gone, 'gone is not there', now);
  routes.next(open, 10_000, now);
  expect([routes.due(now), routes.due(now + 10_000)]).toMatchObject([[], [open]]);
  for (const route of [open, gone]) routes.next(route, undefined, now);
  expect(routes.describe()).toBeUndefined();
  expect(routes.nextMs(now)).toBe(Number.POSITIVE_INFINITY);
  expect(lines).toEqual(['messages wait: a declared subscriber does not take them', 'no message waits any more']);
});
