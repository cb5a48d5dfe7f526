import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { basic, somebody, usersUnderTest, wrong } from './testing/users-under-test.ts';

test('no password, credential or code is in the log or the database, whatever goes wrong', async () => {
  // Eight digits, since four may well be found in a time or an id.
  await using users = await usersUnderTest({ CODE_LENGTH: '8' });
  const person = { ...somebody(), password: 'cafe\u0301 canary password' };
  await users.register({ ...person, password: 'short', fullName: 'a\0' });
  await users.register({ ...person, unknown: 'canary field' });
  await users.register(person);
  await users.register(person);
  const code = await users.codeOf(person);
  await users.activate({ ...person, password: 'canary guess' }, code);
  await users.activate(person, wrong(code));
  await users.activate(person, code);
  await users.http.inject({
    method: 'POST',
    url: `/v1/users?password=canary%20query`,
    payload: '{"password":"canary malformed',
    headers: { 'content-type': 'application/json' },
  });
  await users.database.query.schema.alterTable('activation_requests').renameTo('gone').execute();
  expect((await users.register({ ...somebody(), password: 'canary of a failure' })).statusCode).toBe(500);
  await users.database.query.schema.alterTable('gone').renameTo('activation_requests').execute();

  const { rows } = await sql<{ dump: string }>`
    select string_agg(query_to_xml(format('select * from %I', tablename), true, false, '')::text, '') as dump
    from pg_tables where schemaname = 'public'`.execute(users.database.query);
  const dump = rows[0]?.dump as string;
  expect(dump).toContain(person.email);
  const log = users.lines.join('');
  expect(log).toContain('/v1/users/activation');
  for (const place of [dump, log]) {
    expect(place).not.toContain('canary');
    expect(place).not.toContain(code);
    expect(place).not.toContain(basic(person).slice('Basic '.length));
    expect(place).not.toContain(users.derive('service:mailer').toString('base64url'));
  }
  expect(log).not.toContain('$2b$');
});

test('the audit log holds no personal data, and can be neither changed nor emptied', async () => {
  await using users = await usersUnderTest();
  const person = await users.registered({ ...somebody() });
  const { id } = (await users.activate(person, person.code)).json();
  expect(JSON.stringify(await users.audit(id))).not.toContain(person.email.split('@')[0]);
  const { query } = users.database;
  await expect(query.updateTable('audit').set({ actor: 'nobody' }).execute()).rejects.toThrow('append-only');
  await expect(query.deleteFrom('audit').execute()).rejects.toThrow('append-only');
  await expect(sql`truncate audit`.execute(query)).rejects.toThrow('append-only');
  await query.deleteFrom('users').where('id', '=', id).execute();
  expect(await users.audit(id)).toHaveLength(2);
});
