import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@stoa/service/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** The bootstrap in a checkout of its own, with an `npm` that we script: what it must do is about files and exit codes. */
let checkout: string;

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'bootstrap-'));
  for (const folder of ['scripts', 'bin']) mkdirSync(join(checkout, folder));
  writeFileSync(join(checkout, 'package.json'), '{"type":"module"}');
  copyFileSync(join(import.meta.dirname, 'bootstrap.js'), join(checkout, 'scripts/bootstrap.js'));
  for (const tool of ['sh', 'mkdir', 'cp', 'sleep']) symlinkSync(`/bin/${tool}`, join(checkout, 'bin', tool));
  lock('1.0.0');
});
afterEach(() => rmSync(checkout, { recursive: true }));

const lock = (version: string) =>
  writeFileSync(
    join(checkout, 'package-lock.json'),
    JSON.stringify({ packages: { '': {}, 'node_modules/a': { version }, 'node_modules/other-platform': { version, optional: true } } }),
  );

const INSTALL =
  'mkdir -p node_modules/node/bin && echo >node_modules/node/bin/node && cp package-lock.json node_modules/.package-lock.json';

function npm(script: string) {
  writeFileSync(join(checkout, 'bin/npm'), `#!/bin/sh\necho run >>"${checkout}/npm-runs"\n${script}\n`);
  chmodSync(join(checkout, 'bin/npm'), 0o755);
}

const npmRuns = () =>
  existsSync(join(checkout, 'npm-runs')) ? readFileSync(join(checkout, 'npm-runs'), 'utf8').trim().split('\n').length : 0;

function spawnBootstrap() {
  const child = spawn(process.execPath, [join(checkout, 'scripts/bootstrap.js')], {
    env: { PATH: join(checkout, 'bin') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
  return { child, exited };
}

const bootstrap = () => spawnBootstrap().exited;

test('installs once, says so in two lines, and is silent from then on', async () => {
  npm(INSTALL);
  const first = await bootstrap();
  expect(first.code).toBe(0);
  expect(first.output).toMatch(/^Stoa: installing packages.*\nStoa: installed in \d+ s\.\n$/);
  expect(await bootstrap()).toEqual({ code: 0, output: '' });
  expect(npmRuns()).toBe(1);
});

test('installs again when the lock file names something else', async () => {
  npm(INSTALL);
  await bootstrap();
  lock('2.0.0');
  expect((await bootstrap()).code).toBe(0);
  expect(npmRuns()).toBe(2);
});

test('does not install what somebody has installed with npm', async () => {
  npm(INSTALL);
  await bootstrap();
  rmSync(join(checkout, 'node_modules/.stoa-installed'));
  expect(await bootstrap()).toEqual({ code: 0, output: '' });
  expect(npmRuns()).toBe(1);
});

test('fetches Node itself where npm does not run install scripts', async () => {
  npm(
    `${INSTALL} && rm -f node_modules/node/bin/node && echo "require('fs').writeFileSync('bin/node', '')" >node_modules/node/installArchSpecificPackage.js`.replace(
      'rm -f',
      '/bin/rm -f',
    ),
  );
  expect((await bootstrap()).code).toBe(0);
  expect(existsSync(join(checkout, 'node_modules/.bin/node'))).toBe(true);
});

test('three starts at once install once', async () => {
  npm(`sleep 1; ${INSTALL}`);
  const ends = await Promise.all([bootstrap(), bootstrap(), bootstrap()]);
  expect(ends.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(npmRuns()).toBe(1);
});

test('a start that is stopped half way leaves the next one free to install', async () => {
  npm('sleep 30');
  const { child, exited } = spawnBootstrap();
  await eventually(() => expect(npmRuns()).toBe(1));
  child.kill('SIGTERM');
  expect((await exited).code).toBe(130);
  npm(INSTALL);
  expect((await bootstrap()).code).toBe(0);
});

describe('what cannot go on says why, and what to do', () => {
  const failures: [string, string, RegExp][] = [
    ['no network', 'echo "npm error code ENOTFOUND" >&2; exit 1', /registry cannot be reached.*\nFix: Connect/],
    ['a full disk', 'echo "npm error code ENOSPC" >&2; exit 1', /disk is full.*\nFix: Make room/],
    ['a folder of another user', 'echo "npm error code EACCES" >&2; exit 1', /may not write.*\nFix: Run this as the owner/],
    ['a lock file that does not fit', 'echo "npm error code EUSAGE" >&2; exit 1', /do not fit together.*\nFix: Restore/],
    ['anything else', 'echo "npm error the moon" >&2; exit 1', /npm error the moon\nFix: "npm ci"/],
    ['an npm that installs too little', 'exit 0', /.*\nFix: /],
  ];
  test.for(failures)('%s', async ([, script, says]) => {
    npm(script);
    const { code, output } = await bootstrap();
    expect(code).toBe(69);
    expect(output).toMatch(says);
    expect(output.trim().split('\n')).toHaveLength(3);
    expect(existsSync(join(checkout, '.installing'))).toBe(false);
  });

  test('no npm at all', async () => {
    const { code, output } = await bootstrap();
    expect(code).toBe(69);
    expect(output).toMatch(/npm was not found.\nFix: /);
  });
});
