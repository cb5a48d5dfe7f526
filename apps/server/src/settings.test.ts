import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, type Environment } from '@stoa/service';
import { Type } from 'typebox';
import { afterAll, describe, expect, test } from 'vitest';
import { loadServices, serviceNames } from './services.ts';
import { chosenServices, readEnvironment, readSettings, withPublicUrl } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-settings-'));
writeFileSync(join(folder, '.env'), 'PORT=1\nHOST=file\nLOG_LEVEL=\nDATA_DIR="a folder"\n');
afterAll(() => rmSync(folder, { recursive: true }));

describe('the environment', () => {
  test('flags beat the environment, which beats .env; an empty value counts as unset', () => {
    const environment = readEnvironment({ PORT: '3', HOST: undefined }, { PORT: '2', HOST: ' ', DATA_DIR: 'mine' }, folder);
    expect(environment).toEqual({ PORT: '3', HOST: 'file', DATA_DIR: 'mine' });
  });

  test('a missing .env is no problem', () => {
    expect(readEnvironment({}, { PORT: '2' }, '/nonexistent')).toEqual({ PORT: '2' });
  });
});

describe('the settings', () => {
  test('have defaults for all that the embedded mode needs', () => {
    const { config, resolved } = readSettings({}, []);
    expect(config).toMatchObject({ PORT: 3000, DATA_DIR: './.stoa', BROKER_URL: 'local:', DATABASE_PREFIX: 'stoa_' });
    expect(resolved['MAIL_URL']).toBe('mailbox:');
  });

  test('report every problem of every service together, each variable once', () => {
    const service = { config: Type.Object({ PORT: Type.Integer({ minimum: 0, maximum: 65_535 }), TRIES: Type.Integer({ minimum: 1 }) }) };
    const problems = problemsOf(() => readSettings({ PORT: 'x', TRIES: '0', LOG_LEVEL: 'loud' }, [service]));
    expect(problems.map(({ variable }) => variable).sort()).toEqual(['LOG_LEVEL', 'PORT', 'TRIES']);
  });

  test('report rules over several variables together with the rest', () => {
    const checkConfig = () => {
      throw new ConfigError([{ variable: 'TO', expected: 'more than FROM' }]);
    };
    const problems = problemsOf(() => readSettings({ PORT: 'x' }, [{ config: Type.Object({}), checkConfig }]));
    expect(problems.map(({ variable }) => variable)).toEqual(['PORT', 'TO']);
  });

  test('PUBLIC_URL of a service is checked when it is set, and else is the address where the process listens', () => {
    const service = { config: Type.Object({ PUBLIC_URL: Type.String() }) };
    const { resolved } = readSettings({ PORT: '0' }, [service]);
    expect(withPublicUrl(resolved, 4321)['PUBLIC_URL']).toBe('http://localhost:4321');
    expect(withPublicUrl({ PUBLIC_URL: 'https://stoa.test' }, 4321)['PUBLIC_URL']).toBe('https://stoa.test');
    const problems = problemsOf(() => readSettings({ PUBLIC_URL: 'https://stoa.test/path' }, [service]));
    expect(problems.map(({ variable }) => variable)).toEqual(['PUBLIC_URL']);
  });

  test('an external database requires the secret and the mail transport, and its password is never shown', async () => {
    const mailer = await loadServices(['mailer']);
    const problems = problemsOf(() => readSettings({ DATABASE_URL: 'mysql://u:hunter2@host' }, mailer));
    expect(problems.map(({ variable }) => variable).sort()).toEqual(['DATABASE_URL', 'MAIL_URL', 'STOA_SECRET']);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
  });

  test('Stoa starts its own Postgres only as a single process with none configured', () => {
    const STOA_SECRET = Buffer.alloc(32).toString('base64');
    const isEmbedded = (environment: Environment) => readSettings({ STOA_SECRET, ...environment }, []).embedded;
    expect(isEmbedded({})).toBe(true);
    expect(isEmbedded({ DATABASE_URL: 'postgres://db' })).toBe(false);
    expect(isEmbedded({ USERS_DATABASE_URL: 'postgres://db/users' })).toBe(false);
    expect(isEmbedded({ BROKER_URL: 'amqp://rabbit' })).toBe(false);
  });

  test('copies of a service elsewhere are a list of addresses', () => {
    const read = (SERVICES_USERS_URL: string) => readSettings({ SERVICES_USERS_URL }, []);
    expect(() => read('http://a:3000,http://b:3000')).not.toThrow();
    expect(problemsOf(() => read('http://a:3000,b:3000')).map(({ variable }) => variable)).toEqual(['SERVICES_USERS_URL']);
    expect(problemsOf(() => read('http://a:99999')).map(({ variable }) => variable)).toEqual(['SERVICES_USERS_URL']);
  });
});

test('services are chosen by name', () => {
  const choose = (SERVICES?: string) => chosenServices({ SERVICES });
  expect(choose()).toEqual(['gateway', ...serviceNames]);
  expect(choose('all')).toEqual(['gateway', ...serviceNames]);
  expect(choose('gateway, users')).toEqual(['gateway', 'users']);
  expect(choose('users,mailer')).toEqual(['users', 'mailer']);
  expect(() => choose('gateway,mailler')).toThrow('"mailler"');
});

function problemsOf(read: () => unknown): ConfigError['problems'] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('no problem was found');
}
