import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ComposeFile, type ComposeService, deploy, environmentOf, readCompose } from './compose-file.ts';
import { checkSettings, deployed, longestStopMs, ownSettingsOf, settingsOf } from './settings-of.ts';

/** What `.env.example` says has to be filled in. */
const filledIn = {
  STOA_SECRET: Buffer.alloc(32).toString('base64'),
  POSTGRES_PASSWORD: 'p1',
  RABBITMQ_PASSWORD: 'p2',
  REDIS_PASSWORD: 'p3',
};
let example: Record<string, string>;
let variables: Record<string, string>;
let compose: ComposeFile;
beforeAll(async () => {
  example = parseEnv(await readFile(join(deploy, '.env.example'), 'utf8')) as Record<string, string>;
  variables = { ...example, ...filledIn };
  compose = await readCompose('compose.yaml', variables);
});
const serviceCalled = (name: string) => compose.services[name] as ComposeService;
const databases = deployed.filter((name) => name !== 'gateway');
const jobs = databases.map((name) => `${name}-migrate`);
const stores = ['postgres', 'rabbitmq', 'redis'];

describe('the compose file', () => {
  test('has every service, a migration for every database, the stores, and nothing else', () => {
    expect(Object.keys(compose.services).sort()).toEqual([...deployed, ...jobs, ...stores].sort());
  });

  test.for(deployed)('%s: has its own image, starts after what it needs, and has settings that it knows and accepts', async (name) => {
    const service = serviceCalled(name);
    expect(service.build).toEqual({ context: '..', dockerfile: 'deploy/Dockerfile', args: { SERVICE: name } });
    expect(service.image).toBe(`stoa-${name}:latest`);
    const known = await settingsOf(name);
    expect(Object.keys(service.environment ?? {}).filter((variable) => !known.has(variable))).toEqual([]);
    await checkSettings(name, environmentOf(service, variables));
    const conditions = Object.entries(service.depends_on ?? {}).map(([other, { condition }]) => `${other}: ${condition}`);
    expect(conditions.sort()).toEqual(
      [
        ...(databases.includes(name) ? [`${name}-migrate: service_completed_successfully`] : []),
        'rabbitmq: service_healthy',
        'redis: service_healthy',
      ].sort(),
    );
  });

  test.for(deployed)('%s: every setting of its own can be given in .env', async (name) => {
    const { environment = {} } = serviceCalled(name);
    expect((await ownSettingsOf(name)).map(({ variable }) => variable).filter((variable) => !(variable in environment))).toEqual([]);
  });

  test.for(deployed)('%s: has no more rights than it needs, and has the time to stop', async (name) => {
    const service = serviceCalled(name);
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
    });
    expect(service.deploy?.resources.limits).toMatchObject({ cpus: expect.any(String), memory: expect.any(String) });
    expect(Number.parseInt(service.stop_grace_period ?? '', 10) * 1_000).toBeGreaterThan(longestStopMs());
  });

  test('only a migration has the database administrator, and it has nothing else', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      if (stores.includes(name)) continue;
      const has = Object.values(environmentOf(service, variables)).some((value) => value.includes(filledIn.POSTGRES_PASSWORD));
      expect([name, has]).toEqual([name, jobs.includes(name)]);
    }
    for (const name of databases) {
      const job = serviceCalled(`${name}-migrate`);
      expect(job).toMatchObject({ image: serviceCalled(name).image, command: ['migrate'], restart: 'on-failure', networks: ['data'] });
      expect(environmentOf(job, variables)['DATABASE_PREFIX']).toBe(environmentOf(serviceCalled(name), variables)['DATABASE_PREFIX']);
    }
  });

  test('only the gateway can be reached from outside, and it reaches no database', () => {
    const published = Object.entries(compose.services).filter(([, { ports }]) => ports !== undefined);
    expect(published.map(([name, { ports }]) => [name, ports])).toEqual([['gateway', ['3000:3000']]]);
    expect(compose.networks?.['data']?.internal).toBe(true);
    expect(serviceCalled('postgres').networks).toEqual(['data']);
    expect(serviceCalled('gateway').networks).toEqual(['stoa']);
  });

  test('a store has a health check and keeps its data', () => {
    for (const name of stores) {
      expect(serviceCalled(name).healthcheck?.test.length, name).toBeGreaterThan(1);
      expect(Object.keys(compose.volumes ?? {}), name).toContain(serviceCalled(name).volumes?.[0]?.split(':')[0]);
    }
  });

  test('does not start while secrets are not filled in', async () => {
    expect(Object.keys(filledIn).map((name) => example[name])).toEqual(Object.keys(filledIn).map(() => ''));
    for (const name of Object.keys(filledIn)) {
      await expect(readCompose('compose.yaml', { ...variables, [name]: '' })).rejects.toThrow(`${name} is not set`);
    }
  });
});

test('for development there are the same stores, on this machine alone', async () => {
  const dev = await readCompose('compose.dev.yaml', {});
  expect(Object.keys(dev.services).sort()).toEqual(stores);
  for (const [name, { image, ports }] of Object.entries(dev.services)) {
    expect(image, name).toBe(serviceCalled(name).image);
    for (const port of ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  }
});
