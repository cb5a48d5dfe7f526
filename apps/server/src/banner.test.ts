import { describe, expect, test } from 'vitest';
import { banner, warningsOf } from './banner.ts';

const facts = {
  url: 'http://127.0.0.1:3000',
  readyInMs: 1234,
  postgresDirectory: '/data/postgres',
  services: ['gateway', 'users', 'mailer'],
  mail: 'mailbox:',
  warnings: [],
};

describe('the banner', () => {
  test('says where everything is, what is embedded, and how long it took', () => {
    const text = banner(facts);
    for (const part of [
      'ready in 1.2 s',
      '/docs',
      '/mailbox',
      '/health/ready',
      '/metrics',
      'data in /data/postgres',
      'gateway, users, mailer',
    ])
      expect(text).toContain(part);
  });

  test('names no address that is not there', () => {
    expect(banner({ ...facts, services: ['users'] })).not.toMatch(/\/docs|\/mailbox/);
    expect(banner({ ...facts, services: ['gateway', 'mailer'] })).not.toContain('/v1/users');
  });

  test('shows where mails go without the password', () => {
    const text = banner({ ...facts, mail: 'smtp://user:hunter2@mail.example.com:587', postgresDirectory: undefined });
    expect(text).toContain('smtp://mail.example.com:587');
    expect(text).toContain('external PostgreSQL');
    expect(text).not.toMatch(/hunter2|\/mailbox/);
  });

  test('warns of settings that are not for users', () => {
    expect(warningsOf({ MAIL_URL: 'mailbox:' }, '127.0.0.1')).toEqual([]);
    const warnings = warningsOf({ RATE_LIMITS: 'off', MAIL_URL: 'mailbox:' }, '0.0.0.0');
    expect(banner({ ...facts, warnings })).toMatch(/WARNING +RATE_LIMITS=off[\s\S]*WARNING +HOST=0\.0\.0\.0/);
  });

  test('warns when mails of a server for others would lead to localhost', () => {
    const server = { DATABASE_URL: 'postgres://db', MAIL_URL: 'smtp://mail.example.com' };
    expect(warningsOf(server, '127.0.0.1')).toEqual([expect.stringMatching(/^PUBLIC_URL is not set/)]);
    expect(warningsOf({ ...server, PUBLIC_URL: 'https://stoa.test' }, '127.0.0.1')).toEqual([]);
  });
});
