import { expect, test } from 'vitest';
import { databaseOf, summarize } from './statement-spans.ts';

test.for([
  ['select "id", "email" from "users" where "id" = $1 for update', 'SELECT users'],
  ['\n    select id from inbox where x for update skip locked', 'SELECT inbox'],
  ['select extract(epoch from next_at - now()) as wait from pacing for update', 'SELECT pacing'],
  ['select a is distinct from b as differs from pairs', 'SELECT pairs'],
  ['(select id from users) union (select id from others)', 'SELECT users'],
  ["select pg_notify('mail_queued', '')", 'SELECT'],
  ['select n from generate_series(1, 2) as n', 'SELECT'],
  ['insert into "mails" ("id") values ($1) on conflict ("id") do update set "id" = $1', 'INSERT mails'],
  ['insert into audit select * from users', 'INSERT audit'],
  ['update outbox set sent_at = now() where id = any($1)', 'UPDATE outbox'],
  ['delete from sessions where id = $1', 'DELETE sessions'],
  ['with next as (select id from mails for update skip locked) update mails set status = $1 from next', 'WITH mails'],
  ['with due as (select id from mails) select count(*) from due', 'WITH mails'],
  ['start transaction isolation level read committed', 'START'],
  ['commit', 'COMMIT'],
  ['', 'SQL'],
])('%s is %s', ([text, summary]) => {
  const { operation, table } = summarize(text as string);
  expect([operation, table].filter(Boolean).join(' ')).toBe(summary);
});

test('a database is called as its URL calls it', () => {
  expect(databaseOf('postgres://role:password@localhost:5432/stoa_users?sslmode=require')).toBe('stoa_users');
  expect(databaseOf(undefined)).toBeUndefined();
});
