import { randomBytes, randomUUID } from 'node:crypto';
import { createKeys } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { createHmacCodes } from './hmac-codes.ts';

const derive = createKeys(randomBytes(32).toString('base64'));
const codes = createHmacCodes(derive, 4);

describe('the code of a request', () => {
  test('is always the same, in every copy of the house, and another one in another house', () => {
    const id = randomUUID();
    expect(createHmacCodes(derive, 4).make(id)).toEqual(codes.make(id));
    const otherHouse = createHmacCodes(createKeys(randomBytes(32).toString('base64')), 8);
    expect(otherHouse.make(id).code).not.toBe(createHmacCodes(derive, 8).make(id).code);
  });

  test('has its length, leading zeros too, and no first digit is rarer than others', () => {
    const fixedHouse = createHmacCodes(createKeys(Buffer.alloc(32, 7).toString('base64')), 4);
    const made = Array.from({ length: 5_000 }, (_, index) => fixedHouse.make(`request ${index}`).code);
    expect(made.every((code) => /^\d{4}$/.test(code))).toBe(true);
    const counts = Map.groupBy(made, (code) => code[0]);
    for (const digit of '0123456789') expect(counts.get(digit)?.length).toBeGreaterThan(400);
  });

  test('matches its digest and no other one', () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const { code, digest } = codes.make(one);
    expect(codes.matches(code, { requestId: one, digest })).toBe(true);
    expect(codes.matches(code, { requestId: other, digest })).toBe(false);
    expect(codes.matches(code === '0000' ? '0001' : '0000', { requestId: one, digest })).toBe(false);
  });
});
