import { randomBytes, randomUUID } from 'node:crypto';
import { createKeys } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { createHmacCodes } from './hmac-codes.ts';

const derive = createKeys(randomBytes(32).toString('base64'));
const codes = createHmacCodes(derive, 4);
const email = 'ada@example.com';

describe('the code of a request', () => {
  test('is always the same, in every copy of the system, and another one in another installation', () => {
    const id = randomUUID();
    expect(createHmacCodes(derive, 4).make(id, email)).toEqual(codes.make(id, email));
    const otherKeys = createHmacCodes(createKeys(randomBytes(32).toString('base64')), 8);
    expect(otherKeys.make(id, email).code).not.toBe(createHmacCodes(derive, 8).make(id, email).code);
  });

  test('has its length, leading zeros too, and no first digit is rarer than others', () => {
    const fixedCodes = createHmacCodes(createKeys(Buffer.alloc(32, 7).toString('base64')), 4);
    const made = Array.from({ length: 5_000 }, (_, index) => fixedCodes.make(`request ${index}`, email).code);
    expect(made.every((code) => /^\d{4}$/.test(code))).toBe(true);
    const counts = Map.groupBy(made, (code) => code[0]);
    for (const digit of '0123456789') expect(counts.get(digit)?.length).toBeGreaterThan(400);
  });

  test('matches its digest and no other one', () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const { code, digest } = codes.make(one, email);
    expect(codes.matches(code, { requestId: one, digest }, email)).toBe(true);
    expect(codes.matches(code, { requestId: other, digest }, email)).toBe(false);
    expect(codes.matches(code, { requestId: one, digest }, 'eve@example.com')).toBe(false);
    expect(codes.matches(code === '0000' ? '0001' : '0000', { requestId: one, digest }, email)).toBe(false);
  });
});
