import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { eventually, freePort } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataFolder, type StoaProcess, spawnStoa, startStoa } from './stoa-process.ts';

describe('one signal, however it comes, is one clean stop', () => {
  const ways: [string, NodeJS.Signals, (stoa: StoaProcess, signal: NodeJS.Signals) => void][] = [
    ['SIGTERM to npm', 'SIGTERM', ({ child }, signal) => process.kill(child.pid as number, signal)],
    ['SIGINT to npm', 'SIGINT', ({ child }, signal) => process.kill(child.pid as number, signal)],
    ['SIGTERM to node', 'SIGTERM', (stoa, signal) => process.kill(lockHolder(stoa), signal)],
    ['Ctrl-C, SIGINT to the whole group', 'SIGINT', ({ child }, signal) => process.kill(-(child.pid as number), signal)],
    [
      'Ctrl-C twice within two seconds',
      'SIGINT',
      ({ child }, signal) => {
        process.kill(-(child.pid as number), signal);
        process.kill(-(child.pid as number), signal);
      },
    ],
  ];

  let folder: Awaited<ReturnType<typeof dataFolder>>;
  beforeAll(async () => {
    folder = await dataFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  test.for(ways)('%s', async ([, signal, send]) => {
    const stoa = await startByNpm(folder.path);
    const node = lockHolder(stoa);
    send(stoa, signal);
    const code = await stoa.exited;
    expect([0, null]).toContain(code);
    await eventually(() => expect(isRunning(node)).toBe(false));
    expect(processesOn(folder.path)).toEqual([]);
    expect(readdirSync(join(folder.path, 'postgres'))).not.toContain('postmaster.pid');
    expect(stoa.output()).not.toMatch(/^\s+at /m);
  });

  test('node itself ends with exit code 0', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const stoa = await startStoa({ dataDirectory: folder.path });
      expect(await stoa.stop(signal)).toBe(0);
      expect(processesOn(folder.path)).toEqual([]);
    }
  });

  test('a client that sends half a request does not delay the stop', async () => {
    const stoa = await startStoa({ dataDirectory: folder.path });
    const socket = connect(Number(new URL(stoa.url).port), '127.0.0.1');
    const head =
      'POST /v1/users HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n';
    socket.write(head);
    // The server asks for the body, so the request has arrived.
    await once(socket, 'data');
    socket.write('{');
    const answer = text(socket);
    expect(await stoa.stop('SIGTERM')).toBe(0);
    expect(await answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(processesOn(folder.path)).toEqual([]);
  });

  test('a signal in the middle of the start leaves nothing behind either', async () => {
    await using empty = await dataFolder();
    const stoa = spawnStoa({ dataDirectory: empty.path, port: await freePort() });
    await eventually(() => expect(processesOn(empty.path).length).toBeGreaterThan(0), { intervalMs: 5 });
    expect(await stoa.stop('SIGTERM')).toBe(0);
    expect(processesOn(empty.path)).toEqual([]);
  });
});

async function startByNpm(dataDirectory: string) {
  const port = await freePort();
  return startStoa({
    dataDirectory,
    port,
    command: ['npm', 'start', '--', '--port', String(port), '--data', dataDirectory],
    detached: true,
  });
}

const lockHolder = (stoa: StoaProcess) => (JSON.parse(readFileSync(join(stoa.dataDirectory, 'lock'), 'utf8')) as { pid: number }).pid;

function isRunning(pid: number) {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** Whatever still has the folder in its command line, zombies left out. */
function processesOn(path: string) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((command) => command.includes(path));
}
