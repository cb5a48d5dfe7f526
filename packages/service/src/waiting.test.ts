import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { abortable, pause, withTimeout } from './waiting.ts';

const HOURS = 3_600_000;
const never = new Promise<never>(() => {});
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

test('what is there in time is the result, and no timer is left', async () => {
  const before = timers();
  expect(await withTimeout(Promise.resolve('done'), HOURS)).toBe('done');
  await expect(withTimeout(Promise.reject(new Error('broken')), HOURS)).rejects.toThrow('broken');
  expect(timers()).toBe(before);
});

test('what is late is an error, or what the caller makes of it', async () => {
  await expect(withTimeout(never, 1)).rejects.toThrow('no answer within 1 ms');
  expect(await withTimeout(never, 1, () => 'late')).toBe('late');
  const late = () => {
    throw new Error('users does not answer');
  };
  await expect(withTimeout(never, 1, late)).rejects.toThrow('users does not answer');
});

test('work that fails after its time-out has no effect', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  const work = Promise.withResolvers<never>();
  await withTimeout(work.promise, 1, () => {});
  work.reject(new Error('too late'));
  await new Promise(setImmediate);
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

test('an abort ends the waiting with its reason, and not the work', async () => {
  const aborting = new AbortController();
  const work = Promise.withResolvers<string>();
  const waiting = abortable(work.promise, aborting.signal);
  aborting.abort(new Error('the client has left'));
  await expect(waiting).rejects.toThrow('the client has left');
  work.resolve('done');
  expect(await work.promise).toBe('done');
});

test('after an abort nothing is waited for, not even what is done', async () => {
  await expect(abortable(Promise.resolve('done'), AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
});

test('a signal that outlives the work keeps no listener of it', async () => {
  const { signal } = new AbortController();
  expect(await abortable(Promise.resolve('done'), signal)).toBe('done');
  await expect(abortable(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('a pause ends by itself, or with the signal, and throws in neither case', async () => {
  const aborting = new AbortController();
  await pause(1, aborting.signal);
  const paused = pause(HOURS, aborting.signal);
  aborting.abort();
  await paused;
  await pause(HOURS, aborting.signal);
  expect(getEventListeners(aborting.signal, 'abort')).toEqual([]);
});
