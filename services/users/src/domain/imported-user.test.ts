import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseImportedUser } from './imported-user.ts';

const now = new Date('2026-11-21T09:00:00Z');
const HASH = '$2y$10$abcdefghijklmnopqrstuuF2xoPHoQ1G9.SiPZAQTCnpxM6vJkZmq';
const parse = (row: unknown) =>
  parseImportedUser(Buffer.from(typeof row === 'string' ? row : JSON.stringify(row)), { defaultRegion: undefined }, now);
const refusals = (row: unknown) => {
  const parsed = parse(row);
  return 'refused' in parsed ? parsed.refused : [];
};

describe('a line of an import', () => {
  test('is read into the form that a registration would have stored', () => {
    const row = {
      email: ' Ada@Bücher.example',
      passwordHash: HASH,
      login: 'Countess',
      phone: '0049 30 901820',
      fullName: 'Ada Lovela\u0302ce ',
      status: 'pending',
      createdAt: '2020-01-31T12:00:00.5+01:00',
    };
    expect(parse(row)).toEqual({
      value: {
        email: 'ada@xn--bcher-kva.example',
        passwordHash: HASH,
        login: 'countess',
        phone: '+4930901820',
        fullName: 'Ada Lovelâce',
        status: 'pending',
        createdAt: new Date('2020-01-31T11:00:00.500Z'),
      },
    });
  });

  test('needs an address and a hash; it is active and of now, what is null is absent', () => {
    expect(parse({ email: 'ada@example.com', passwordHash: HASH, login: null, phone: null, createdAt: null })).toEqual({
      value: { email: 'ada@example.com', passwordHash: HASH, login: null, phone: null, fullName: null, status: 'active', createdAt: now },
    });
    expect(refusals({ passwordHash: null })).toEqual(['email is required', 'passwordHash is required']);
  });

  test('by the bcrypt of another system is distinguished from ours, which never cuts', () => {
    expect(parse({ email: 'ada@example.com', passwordHash: HASH.replace('$2y', '$2b') })).toMatchObject({ value: { passwordHash: HASH } });
  });

  test.each(['', '{', '[]', 'null', '"text"', '17', `{"email":"ada@example.com","passwordHash":"${HASH}"} x`])(
    '%s is no object',
    (line) => {
      expect(refusals(line)).toHaveLength(1);
    },
  );

  test('in another encoding is refused rather than stored wrongly', () => {
    const line = Buffer.from(JSON.stringify({ email: 'ada@example.com', passwordHash: HASH, fullName: 'André' }), 'latin1');
    expect(parseImportedUser(line, { defaultRegion: undefined }, now)).toEqual({ refused: ['is not JSON in UTF-8'] });
    expect(parse(`\ufeff{"email":"ada@example.com","passwordHash":"${HASH}"}`)).toHaveProperty('value');
  });

  test.each([
    [{ roles: ['admin'] }, /^has a property/],
    [{ id: '1' }, /^has a property/],
    [{ password: 'analytical engine' }, /^has a property/],
    [{ email: 17 }, /^email must be text$/],
    [{ email: 'ada' }, /^email must be an e-mail address/],
    [{ login: '1ada' }, /^login /],
    [{ phone: '12' }, /^phone /],
    [{ fullName: 'Ada\u0000' }, /^fullName /],
    [{ passwordHash: 'analytical engine' }, /^passwordHash must be a hash/],
    [{ passwordHash: '5f4dcc3b5aa765d61d8327deb882cf99' }, /^passwordHash must be a hash/],
    [{ status: 'blocked' }, /^status must be/],
    [{ createdAt: '2020-01-31' }, /^createdAt must be/],
    [{ createdAt: '2020-13-31T00:00:00Z' }, /^createdAt must be/],
    [{ createdAt: '2026-11-21T09:00:01Z' }, /^createdAt must be/],
    [{ createdAt: '1969-12-31T23:59:59Z' }, /^createdAt must be/],
  ])('%j is refused with its reason', (change, reason) => {
    expect(refusals({ email: 'ada@example.com', passwordHash: HASH, ...change })).toEqual([expect.stringMatching(reason)]);
  });

  test('gets all that is wrong at once', () => {
    expect(refusals({ email: 'ada', passwordHash: 'x', login: '1', status: 'x', createdAt: 'x' })).toHaveLength(5);
  });

  test('a reason never quotes the line', () => {
    const secret = 'Tr0ub4dor&3';
    const line = fc.oneof(
      fc.constantFrom(`{"email":"ada@example.com","passwordHash":"${secret}`, `{"${secret}":1}`, secret),
      fc
        .tuple(
          fc.constantFrom('email', 'passwordHash', 'login', 'phone', 'fullName', 'status', 'createdAt'),
          fc.constantFrom(secret, [secret]),
        )
        .map(([field, value]) => JSON.stringify({ email: 'ada@example.com', passwordHash: HASH, [field]: value })),
    );
    fc.assert(
      fc.property(line, (text) => {
        const reasons = refusals(text).join();
        if (reasons.includes(secret)) expect.fail(reasons);
      }),
    );
  });
});
