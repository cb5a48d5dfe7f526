import { openApiOf } from '@stoa/http';
import { describe, expect, test } from 'vitest';
import { peopleOf } from '../testing/people.ts';
import { somebody, usersUnderTest } from '../testing/users-under-test.ts';

describe.each([
  { hasher: 'bcrypt', form: /^\$2b\$04\$/, longest: 'ä'.repeat(36), limit: 'at most 72 bytes in UTF-8' },
  { hasher: 'argon2id', form: /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/, longest: 'ä'.repeat(1_000), limit: 'at most 1000 characters' },
])('PASSWORD_HASHER=$hasher', ({ hasher, form, longest, limit }) => {
  test('hashes by it, takes passwords as long as it can, and says so', async () => {
    await using users = await usersUnderTest({ PASSWORD_HASHER: hasher });
    const people = peopleOf(users);
    const person = await people.active({ ...somebody(), password: longest });
    expect((await people.logIn(person)).statusCode).toBe(201);
    expect((await people.logIn({ ...person, password: longest.slice(1) })).statusCode).toBe(401);

    const { password_hash } = await users.database.query.selectFrom('users').select('password_hash').executeTakeFirstOrThrow();
    expect(password_hash).toMatch(form);

    const refused = await users.register({ ...somebody(), password: `${longest}a` });
    expect(refused.json()).toMatchObject({ status: 400, errors: [{ path: '/password' }] });
    expect(openApiOf(users.http).components?.['schemas']?.['NewUser']).toMatchObject({
      properties: { password: { description: expect.stringContaining(limit) } },
    });
  });
});
