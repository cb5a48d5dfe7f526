import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Codes, LiveCode } from '../application/credential-ports.ts';

export interface CodesUnderTest {
  readonly codes: Codes;
  /** Makes an account that may have a code. @returns its id. */
  newAccount(): Promise<string>;
}

const now = new Date('2026-11-21T09:00:00Z');
const later = (milliseconds: number) => new Date(now.getTime() + milliseconds);

/** What every adapter of the port `Codes` must do. */
export function codesContract(name: string, create: () => Promise<CodesUnderTest>): void {
  describe(`codes: ${name}`, () => {
    let codes: Codes;
    let newAccount: CodesUnderTest['newAccount'];
    beforeAll(async () => {
      ({ codes, newAccount } = await create());
    });
    const newCode = async (changes: Partial<LiveCode> = {}): Promise<LiveCode> => ({
      userId: await newAccount(),
      requestId: randomUUID(),
      requestNumber: 1,
      digest: randomBytes(32),
      expiresAt: later(60_000),
      ...changes,
    });
    const spend = (userId: string, tries: number) => Promise.all(Array.from({ length: tries }, () => codes.attempt(userId, now)));

    test('an account without a code has none', async () => {
      expect(await codes.attempt(await newAccount(), now)).toEqual({ state: 'none' });
    });

    test('a code that is kept is there to compare with', async () => {
      const code = await newCode();
      expect(await codes.keep(code)).toBe(true);
      expect(await codes.attempt(code.userId, now)).toEqual({ state: 'open', requestId: code.requestId, digest: code.digest });
    });

    test('it expires at its time, not before', async () => {
      const code = await newCode();
      await codes.keep(code);
      expect(await codes.attempt(code.userId, later(59_999))).toMatchObject({ state: 'open' });
      expect(await codes.attempt(code.userId, later(60_000))).toEqual({ state: 'expired' });
      expect(await codes.attempt(code.userId, later(3_600_000))).toEqual({ state: 'expired' });
    });

    test('three tries, however parallel; exhausted says so even when expired', async () => {
      const code = await newCode();
      await codes.keep(code);
      const states = (await spend(code.userId, 20)).map(({ state }) => state);
      expect(states.filter((state) => state === 'open')).toHaveLength(3);
      expect(states.filter((state) => state === 'exhausted')).toHaveLength(17);
      expect(await codes.attempt(code.userId, later(60_000))).toEqual({ state: 'exhausted' });
    });

    test('a try on an expired code is not counted', async () => {
      const code = await newCode();
      await codes.keep(code);
      for (let tries = 0; tries < 5; tries += 1) await codes.attempt(code.userId, later(60_000));
      expect(await codes.attempt(code.userId, now)).toMatchObject({ state: 'open' });
    });

    test('the same code again lives longer, with the tries that are left', async () => {
      const code = await newCode();
      await codes.keep(code);
      await spend(code.userId, 2);
      expect(await codes.keep({ ...code, expiresAt: later(90_000) })).toBe(true);
      expect(await codes.attempt(code.userId, later(89_999))).toMatchObject({ state: 'open' });
      expect(await codes.attempt(code.userId, later(89_999))).toEqual({ state: 'exhausted' });
    });

    test('the code of a newer request takes its place, with tries of its own', async () => {
      const code = await newCode();
      await codes.keep(code);
      await spend(code.userId, 3);
      const newer = { ...code, requestId: randomUUID(), requestNumber: 2, digest: randomBytes(32) };
      expect(await codes.keep(newer)).toBe(true);
      expect(await codes.attempt(code.userId, now)).toEqual({ state: 'open', requestId: newer.requestId, digest: newer.digest });
    });

    test('the code of an older request comes too late', async () => {
      const newer = await newCode({ requestNumber: 2 });
      await codes.keep(newer);
      expect(await codes.keep({ ...newer, requestId: randomUUID(), requestNumber: 1, digest: randomBytes(32) })).toBe(false);
      expect(await codes.attempt(newer.userId, now)).toMatchObject({ requestId: newer.requestId });
    });

    test('accounts do not touch each other', async () => {
      const [one, other] = [await newCode(), await newCode()];
      await codes.keep(one);
      await codes.keep(other);
      await spend(one.userId, 3);
      expect(await codes.attempt(other.userId, now)).toMatchObject({ state: 'open', requestId: other.requestId });
    });
  });
}
