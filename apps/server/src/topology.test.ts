import type { Environment } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import { serviceNames } from './services.ts';
import { chosenServices, readSettings } from './settings.ts';
import { topologyOf } from './topology.ts';

const STOA_SECRET = Buffer.alloc(32).toString('base64');
const topology = (environment: Environment) => topologyOf(readSettings({ STOA_SECRET, ...environment }, []), chosenServices(environment));

/** Those that no test names. */
const others = serviceNames.filter((name) => name !== 'users' && name !== 'mailer');

describe('the topology', () => {
  test('is one process by default: all is here, and nothing elsewhere', () => {
    expect(topology({})).toEqual({
      hasGateway: true,
      here: serviceNames,
      ports: new Map(),
      elsewhere: new Map(),
      runsBackgroundWork: true,
      brokerUrl: 'local:',
      brokerPrefix: 'stoa',
      redisUrl: undefined,
      drainMs: 0,
    });
  });

  test('a service that is left out is nowhere without a bus, and under its name with one', () => {
    expect(topology({ SERVICES: 'gateway,users' }).elsewhere).toEqual(new Map());
    const spread = topology({
      SERVICES: `gateway,${others.join(',')}`,
      BROKER_URL: 'amqp://rabbit',
      SERVICES_USERS_URL: 'http://10.0.0.1:81,http://10.0.0.2:81',
    });
    expect(spread.elsewhere).toEqual(
      new Map([
        ['users', ['http://10.0.0.1:81', 'http://10.0.0.2:81']],
        ['mailer', ['http://mailer:3000']],
      ]),
    );
    expect(spread).toMatchObject({ here: others, drainMs: 3_000 });
  });

  test('a service that is elsewhere without a bus between is refused', () => {
    const alone = { SERVICES: `gateway,users,${others.join(',')}`, SERVICES_MAILER_URL: 'http://mailer:3000' };
    expect(() => topology(alone)).toThrow('SERVICES_MAILER_URL');
    expect(topology({ ...alone, BROKER_URL: 'amqp://rabbit' }).elsewhere).toEqual(new Map([['mailer', ['http://mailer:3000']]]));
    expect(topology({ ...alone, SERVICES: 'all' }).elsewhere).toEqual(new Map());
  });

  test('a service beside another one is reached at a port of its own', () => {
    expect(topology({ SERVICES: 'users,mailer', MAILER_PORT: '3001' }).ports).toEqual(new Map([['mailer', 3_001]]));
    expect(topology({ SERVICES: 'gateway,users', USERS_PORT: '3001' }).ports).toEqual(new Map([['users', 3_001]]));
    expect(() => topology({ SERVICES: 'users,mailer' })).toThrow('mailer');
  });

  test('an API process does no background work, and shares its database with one that does', () => {
    const DATABASE_URL = 'postgres://db';
    expect(topology({ ROLE: 'api', DATABASE_URL }).runsBackgroundWork).toBe(false);
    expect(topology({ ROLE: 'worker', DATABASE_URL }).runsBackgroundWork).toBe(true);
    expect(() => topology({ ROLE: 'api' })).toThrow('ROLE=api');
  });
});
