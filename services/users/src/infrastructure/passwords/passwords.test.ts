import { availableParallelism } from 'node:os';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import type { Hasher } from '../../domain/imported-hash.ts';
import { createPasswords } from './passwords.ts';

/** The least that each knows: cost is not what most of this tests. */
const BCRYPT: Hasher = { algorithm: 'bcrypt', cost: 4 };
const ARGON2ID: Hasher = { algorithm: 'argon2id', memoryKib: 64, passes: 2, parallelism: 1 };
const { signal } = new AbortController();

function create(hasher: Hasher = BCRYPT, maxWaiting = 128) {
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  return { ...createPasswords({ hasher, maxWaiting, metrics: new Registry(), log }), lines };
}

describe.each([
  [BCRYPT, /^\$2b\$04\$.{53}$/],
  [ARGON2ID, /^\$argon2id\$v=19\$m=64,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/],
] as const)('passwords under %o', (hasher, form) => {
  test('are verified by the hash that they gave, which names its cost', async () => {
    const passwords = create(hasher);
    const hash = await passwords.hash('analytical engine', signal);
    expect(hash).toMatch(form);
    expect(await passwords.hash('analytical engine', signal)).not.toBe(hash);
    expect(await passwords.verify('analytical engine', hash, signal)).toBe(true);
    expect(await passwords.verify('difference engine', hash, signal)).toBe(false);
  });

  test('are never cut: another end is another password', async () => {
    const passwords = create(hasher);
    const longest = 'x'.repeat(passwords.limit.most);
    const hash = await passwords.hash(longest, signal);
    expect(await passwords.verify(longest, hash, signal)).toBe(true);
    expect(await passwords.verify(`${longest}x`, hash, signal)).toBe(false);
    expect(await passwords.verify(`${longest.slice(1)}\0`, hash, signal)).toBe(false);
    expect(await passwords.verify(`${longest}x`, await passwords.hash('', signal), signal)).toBe(false);
    await expect(passwords.hash(`${longest}x`, signal)).rejects.toThrow(TypeError);
  });

  test('of nobody match nothing, the empty one neither', async () => {
    const passwords = create(hasher);
    expect(await passwords.verify('', undefined, signal)).toBe(false);
    expect(await passwords.verify('analytical engine', undefined, signal)).toBe(false);
  });

  test('whose hash cannot be read match nothing; it is logged once, and never shown', async () => {
    const passwords = create(hasher);
    const hash = '$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect(await passwords.verify('analytical engine', hash, signal)).toBe(false);
    expect(await passwords.verify('analytical engine', 'analytical engine', signal)).toBe(false);
    expect(passwords.lines).toHaveLength(1);
    expect(passwords.lines[0]).not.toMatch(/CTFhFdXP|4194304|analytical/);
  });

  test('too many at a time are refused 503, with a time to come back', async () => {
    const passwords = create(hasher, 1);
    const room = availableParallelism() + 1;
    const results = await Promise.allSettled(Array.from({ length: room + 1 }, () => passwords.hash('analytical engine', signal)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(room);
    expect(results.at(-1)).toMatchObject({ reason: { kind: 'unavailable', code: 'hashing_busy', retryAfterSeconds: 5 } });
  });
});

describe('a hash of another system', () => {
  test.each([
    // crypt(3) of libxcrypt.
    ['$2y$10$abcdefghijklmnopqrstuuF2xoPHoQ1G9.SiPZAQTCnpxM6vJkZmq', 'analytical engine'],
    ['$2b$06$......................35Rs8KyLiQB2kKpnLqa7Qzgbb6j7iyW', 'pässword café au lait'],
    // The tests of crypt_blowfish.
    ['$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'U*U'],
    // The tests of the reference implementation of argon2.
    ['$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc', 'password'],
    ['$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc', 'password'],
    // hashlib of Python, as Better Auth calls scrypt: the salt as text, the password in NFKC.
    [
      'f0e1d2c3b4a5968778695a4b3c2d1e0f:5302158d63c76d4aaf693a7a8f349d4c11e31aa1e602432e6a28aaf8ec7c4fcb6ce929a941743e832d18e514e274aef5d5b33d6d98f2b8e2a01733f8e97becea',
      'ﬁrst Ⅻ café',
    ],
  ])('accepts its password, and no other: %s', async (hash, password) => {
    const passwords = create();
    expect(await passwords.verify(password, hash, signal)).toBe(true);
    expect(await passwords.verify(`${password}.`, hash, signal)).toBe(false);
  });

  test('by bcrypt is of 72 bytes at most: what follows them never counted, and still does not', async () => {
    const passwords = create();
    // crypt(3) of libxcrypt, of 80 characters.
    for (const letter of ['a', 'y']) {
      const hash = `$2${letter}$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q`;
      for (const length of [72, 80, 300]) expect(await passwords.verify('x'.repeat(length), hash, signal)).toBe(true);
      expect(await passwords.verify('x'.repeat(71), hash, signal)).toBe(false);
    }
    expect(await passwords.verify('x'.repeat(80), '$2b$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q', signal)).toBe(false);
  });
});

describe('a hash is made anew', () => {
  const scrypt = `${'0a'.repeat(16)}:${'1b'.repeat(64)}`;
  const bcrypt = (cost: string, letter = 'b') => `$2${letter}$${cost}$abcdefghijklmnopqrstuuF2xoPHoQ1G9.SiPZAQTCnpxM6vJkZmq`;
  const argon2id = (numbers: string) => `$argon2id$v=19$${numbers}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc`;

  test.each([
    ['of another algorithm', bcrypt('12'), true],
    ['of scrypt', scrypt, true],
    ['with less memory', argon2id('m=12288,t=2,p=1'), true],
    ['with fewer passes', argon2id('m=19456,t=1,p=1'), true],
    ['with less memory in more passes, less work in all', argon2id('m=12288,t=3,p=1'), true],
    ['as it is configured', argon2id('m=19456,t=2,p=1'), false],
    ['with more lanes', argon2id('m=19456,t=2,p=4'), false],
    ['with more work', argon2id('m=65536,t=1,p=1'), false],
    ['that cannot be read', argon2id('m=4194304,t=2,p=1'), false],
  ])('under argon2id: %s', (_, hash, expected) => {
    const passwords = create({ algorithm: 'argon2id', memoryKib: 19_456, passes: 2, parallelism: 1 });
    expect(passwords.needsUpgrade(hash, 'analytical engine')).toBe(expected);
  });

  test.each([
    [bcrypt('10'), true],
    [bcrypt('12'), false],
    [bcrypt('12', 'y'), false],
    [bcrypt('14'), false],
    [argon2id('m=19456,t=2,p=1'), true],
    [scrypt, true],
  ])('under bcrypt 12: %s', (hash, expected) => {
    expect(create({ algorithm: 'bcrypt', cost: 12 }).needsUpgrade(hash, 'analytical engine')).toBe(expected);
  });

  test('only of a password that the old hash has proven, and the new one sees, to its end', () => {
    const tooLong = 'x'.repeat(73);
    expect(create(ARGON2ID).needsUpgrade(bcrypt('12', 'y'), tooLong)).toBe(false);
    expect(create(ARGON2ID).needsUpgrade(scrypt, tooLong)).toBe(true);
    expect(create(BCRYPT).needsUpgrade(scrypt, tooLong)).toBe(false);
  });
});

describe('a wrong password costs the same', () => {
  /** Time of a core, all threads of this process together, so that what else the machine does does not count; medians, by turns. */
  async function costs(passwords: ReturnType<typeof create>, hashes: readonly (string | undefined)[], password: string, rounds: number) {
    const samples = hashes.map((): number[] => []);
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, hash] of hashes.entries()) {
        const begun = process.cpuUsage();
        expect(await passwords.verify(password, hash, signal)).toBe(false);
        const { user, system } = process.cpuUsage(begun);
        samples[index]?.push((user + system) / 1_000);
      }
    }
    return samples.map((times) => times.sort((a, b) => a - b)[times.length >> 1]) as [number, ...number[]];
  }

  // The weaker hash and the other algorithm are about half the work: left alone they would be twice as fast, and half as
  // slow again with a second hash.
  test.each<[Hasher, Hasher, Hasher]>([
    [
      { algorithm: 'bcrypt', cost: 7 },
      { algorithm: 'bcrypt', cost: 6 },
      { ...ARGON2ID, memoryKib: 2_048 },
    ],
    [
      { ...ARGON2ID, memoryKib: 4_096 },
      { ...ARGON2ID, memoryKib: 2_048 },
      { algorithm: 'bcrypt', cost: 6 },
    ],
  ])('for nobody, for a weaker hash, for another algorithm: %o', async (...hashers) => {
    const passwords = create(hashers[0]);
    const hashes = await Promise.all(hashers.map((hasher) => create(hasher).hash('analytical engine', signal)));
    // Until it has seen how fast this machine does each.
    await costs(passwords, hashes, 'difference engine', 3);
    for (const password of ['difference engine', 'x'.repeat(1_001)]) {
      // A difference shows however often it is measured; what a busy machine adds does not.
      await eventually(async () => {
        const [nobody, ...known] = await costs(passwords, [undefined, ...hashes, 'no hash at all'], password, 7);
        for (const cost of known)
          expect(cost / nobody).toSatisfy((ratio: number) => ratio > 0.75 && ratio < 1.33, `${cost} of ${nobody} ms`);
      });
    }
  });
});
