import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARGON2_MOST, importedForm, parseHash, workOf } from './imported-hash.ts';

const SALT_AND_TAG = 'c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
const bcrypt = (prefix: string) => `${prefix}abcdefghijklmnopqrstuuF2xoPHoQ1G9.SiPZAQTCnpxM6vJkZmq`;
const scrypt = `${'0a'.repeat(16)}:${'1b'.repeat(64)}`;
const isRead = (text: string) => 'value' in parseHash(text);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

describe('a hash of a password', () => {
  test.each([
    [bcrypt('$2b$10$'), { algorithm: 'bcrypt', cost: 10, cuts: false }],
    [bcrypt('$2a$04$'), { algorithm: 'bcrypt', cost: 4, cuts: true }],
    [bcrypt('$2y$16$'), { algorithm: 'bcrypt', cost: 16, cuts: true }],
    [`$argon2id$v=19$m=65536,t=2,p=1$${SALT_AND_TAG}`, { algorithm: 'argon2id', memoryKib: 65_536, passes: 2, parallelism: 1 }],
    [scrypt, { algorithm: 'scrypt', salt: '0a'.repeat(16) }],
  ])('is taken apart: %s', (text, parts) => {
    expect(parseHash(text)).toMatchObject({ value: parts });
  });

  test.each([
    '',
    'analytical engine',
    bcrypt('$2x$10$'),
    bcrypt('$2$10$'),
    bcrypt('$2b$03$'),
    bcrypt('$2b$17$'),
    bcrypt('$2b$31$'),
    bcrypt('$2b$1a$'),
    `${bcrypt('$2b$10$')}a`,
    `${bcrypt('$2b$10$')}\n`,
    bcrypt('$2b$10$').slice(0, -1),
    // Bits that no bcrypt sets.
    bcrypt('$2b$10$').replace('stuuF', 'stuvF'),
    bcrypt('$2b$10$').replace(/q$/, 'r'),
    `$argon2i$v=19$m=65536,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2d$v=19$m=65536,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=16$m=65536,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2id$m=65536,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=19$t=2,m=65536,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=65536,t=2,p=1,data=AAAA$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=065536,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=0,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=65536,t=0,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=+65536,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=7,t=2,p=1$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=31,t=2,p=4$${SALT_AND_TAG}`,
    `$argon2id$v=19$m=65536,t=2,p=1$${SALT_AND_TAG}=`,
    `$argon2id$v=19$m=65536,t=2,p=1$${SALT_AND_TAG}$`,
    `$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHR$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc`,
    `$argon2id$v=19$m=65536,t=2,p=1$c29tZQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc`,
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXP',
    scrypt.toUpperCase(),
    scrypt.slice(0, -1),
    `$${scrypt}`,
  ])('is not guessed at: %j', (text) => {
    expect(isRead(text)).toBe(false);
  });

  test('that asks for more than the machine should do is refused, whatever of it is too much', () => {
    const { memoryKib, passes, parallelism } = ARGON2_MOST;
    const hash = (m: number, t: number, p: number) => `$argon2id$v=19$m=${m},t=${t},p=${p}$${SALT_AND_TAG}`;
    expect(isRead(hash(memoryKib, passes, parallelism))).toBe(true);
    for (const [m, t, p] of [
      [memoryKib + 1, 1, 1],
      [4_194_304, 1, 1],
      [65_536, passes + 1, 1],
      [65_536, 4_294_967_295, 1],
      [65_536, 1, parallelism + 1],
      [9_999_999_999, 9_999_999_999, 9_999_999_999],
    ] as const)
      expect(parseHash(hash(m, t, p))).toEqual({ refused: [expect.stringContaining('at most')] });
  });

  test('of argon2id in every form that PHC allows within the bounds is read as it was written', () => {
    const numbers = fc.tuple(fc.integer({ min: 256, max: 262_144 }), fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 32 }));
    const bytes = (minLength: number) => fc.uint8Array({ minLength, maxLength: 64 });
    fc.assert(
      fc.property(numbers, bytes(8), bytes(16), ([m, t, p], salt, tag) => {
        expect(parseHash(`$argon2id$v=19$m=${m},t=${t},p=${p}$${base64(salt)}$${base64(tag)}`)).toEqual({
          value: { algorithm: 'argon2id', memoryKib: m, passes: t, parallelism: p, salt: base64(salt), tag: base64(tag) },
        });
      }),
    );
  });

  test('with one character changed, added or left out is another hash or none, and never more work than allowed', () => {
    const hash = `$argon2id$v=19$m=65536,t=2,p=1$${SALT_AND_TAG}`;
    const at = fc.nat(hash.length);
    fc.assert(
      fc.property(at, fc.nat(1), fc.string({ unit: 'binary', maxLength: 3 }), (index, removed, inserted) => {
        const text = hash.slice(0, index) + inserted + hash.slice(index + removed);
        const parsed = parseHash(text);
        if (!('value' in parsed) || text === hash) return;
        expect(parsed.value).not.toEqual((parseHash(hash) as { value: unknown }).value);
        expect(workOf(parsed.value)).toBeLessThanOrEqual(ARGON2_MOST.memoryKib * ARGON2_MOST.passes);
      }),
    );
  });

  test('takes no time to read, however long', () => {
    expect(parseHash(`$argon2id$v=19$m=65536,t=2,p=1$${'A'.repeat(1_000_000)}`)).toEqual({
      refused: ['is too long for a hash of a password'],
    });
  });

  test('by the bcrypt of another system is stored so that it differs from ours', () => {
    expect(importedForm(bcrypt('$2b$10$'))).toBe(bcrypt('$2y$10$'));
    for (const hash of [bcrypt('$2a$10$'), bcrypt('$2y$10$'), scrypt]) expect(importedForm(hash)).toBe(hash);
  });
});
