import { describe, expect, test } from 'vitest';
import { banner, warningsOf } from './banner.ts';

const facts = {
  url: 'http://127.0.0.1:3000',
  readyInMs: 1234,
  postgresDirectory: '/data/postgres',
  services: ['gateway', 'users', 'mailer'],
  elsewhere: new Map(),
  broker: 'local:',
  redis: undefined,
  mail: 'mailbox:',
  warnings: [],
};

const all = facts.services;

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
    expect(banner({ ...facts, services: ['users'] })).not.toMatch(/\/docs|\/mailbox|curl/);
    expect(banner({ ...facts, services: ['gateway'] })).not.toContain('Database');
    expect(banner({ ...facts, services: ['gateway', 'mailer'] })).not.toContain('/v1/users');
  });

  test('says where the rest of the system is, without passwords', () => {
    const elsewhere = new Map([['users', ['http://10.0.0.1:3000', 'http://10.0.0.2:3000']]]);
    const text = banner({ ...facts, elsewhere, broker: 'amqp://stoa:hunter2@rabbit:5672', redis: 'redis://:hunter2@redis:6379' });
    for (const part of ['users at http://10.0.0.1:3000 and http://10.0.0.2:3000', 'amqp://rabbit:5672', 'redis://redis:6379'])
      expect(text).toContain(part);
    expect(text).not.toContain('hunter2');
  });

  test('shows where mails go without the password', () => {
    const text = banner({ ...facts, mail: 'smtp://user:hunter2@mail.example.com:587', postgresDirectory: undefined });
    expect(text).toContain('smtp://mail.example.com:587');
    expect(text).toContain('external PostgreSQL');
    expect(text).not.toMatch(/hunter2|\/mailbox/);
  });

  test('warns of settings that are not for users', () => {
    expect(warningsOf({ MAIL_URL: 'mailbox:' }, '127.0.0.1', all)).toEqual([]);
    const warnings = warningsOf({ RATE_LIMITS: 'off', MAIL_URL: 'mailbox:' }, '0.0.0.0', all);
    expect(banner({ ...facts, warnings })).toMatch(/WARNING +RATE_LIMITS=off[\s\S]*WARNING +HOST=0\.0\.0\.0/);
  });

  test('warns when mails of a server for others would lead to localhost', () => {
    const server = { DATABASE_URL: 'postgres://db', MAIL_URL: 'smtp://mail.example.com' };
    expect(warningsOf(server, '127.0.0.1', all)).toEqual([expect.stringMatching(/^PUBLIC_URL is not set/)]);
    expect(warningsOf(server, '127.0.0.1', ['gateway', 'users'])).toEqual([]);
    expect(warningsOf({ ...server, PUBLIC_URL: 'https://stoa.test' }, '127.0.0.1', all)).toEqual([]);
  });
});
