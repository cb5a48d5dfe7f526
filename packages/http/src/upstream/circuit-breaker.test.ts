import { beforeEach, expect, test } from 'vitest';
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';

let time: number;
let changes: boolean[];
let breaker: CircuitBreaker;
beforeEach(() => {
  time = 0;
  changes = [];
  breaker = createCircuitBreaker({ failures: 3, openMs: 1_000, onChange: (isOpen) => void changes.push(isOpen), now: () => time });
});
const fail = (times: number) => {
  for (let n = 0; n < times; n += 1) breaker.failed();
};

test('failures that are not in a row do not open it', () => {
  fail(2);
  breaker.succeeded();
  fail(2);
  expect([breaker.isOpen, breaker.admits(), changes]).toEqual([false, true, []]);
});

test('so many failures in a row open it, once', () => {
  fail(5);
  expect([breaker.isOpen, breaker.admits(), changes]).toEqual([true, false, [true]]);
});

test('open, it admits one trial a second, whether or not the one before has ended', () => {
  fail(3);
  time = 999;
  expect(breaker.admits()).toBe(false);
  time = 1_000;
  expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
  time = 2_000;
  expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
});

test('a trial that fails keeps it open for another second, one that succeeds closes it', () => {
  fail(3);
  time = 1_000;
  breaker.admits();
  time = 1_500;
  breaker.failed();
  time = 2_400;
  expect(breaker.admits()).toBe(false);
  time = 2_500;
  expect(breaker.admits()).toBe(true);
  breaker.succeeded();
  expect([breaker.admits(), breaker.admits(), changes]).toEqual([true, true, [true, false]]);
});
