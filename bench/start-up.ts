import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@stoa/service/testing';
import { dataFolder, startStoa } from '../test/e2e/stoa-process.ts';
import { median, type Workload } from './workload.ts';

const RUNS = 5;
const IDLE_MS = 60_000;

/**
 * Seconds from the spawn of `npm start` to the first 200 of `/health/ready`, medians, on an empty and on a used data folder;
 * and the memory of the Node process a minute after that.
 */
export const startUp: Workload = async () => {
  const cold: number[] = [];
  const warm: number[] = [];
  let residentMiB = 0;
  for (let run = 0; run < RUNS; run += 1) {
    await using folder = await dataFolder();
    cold.push(await timedStart(folder.path));
    warm.push(await timedStart(folder.path));
  }
  await using folder = await dataFolder();
  await timedStart(folder.path, async (pid) => {
    await delay(IDLE_MS);
    residentMiB = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  });
  return [
    { what: '`npm start` to ready, empty data folder', value: median(cold), unit: 's', goal: '< 5 s' },
    { what: '`npm start` to ready, used data folder', value: median(warm), unit: 's', goal: '< 2 s' },
    { what: 'memory of the Node process, 60 s after ready', value: residentMiB, unit: 'MiB', goal: '< 200 MiB' },
  ];
};

async function timedStart(dataDirectory: string, whileRunning?: (pid: number) => Promise<void>): Promise<number> {
  const port = await freePort();
  const begun = performance.now();
  const stoa = await startStoa({
    dataDirectory,
    port,
    env: { BCRYPT_COST: '12' },
    command: ['npm', 'start', '--silent', '--', '--port', String(port), '--data', dataDirectory],
  });
  const seconds = (performance.now() - begun) / 1000;
  const { pid } = JSON.parse(readFileSync(`${dataDirectory}/run.json`, 'utf8')) as { pid: number };
  await whileRunning?.(pid);
  process.kill(pid, 'SIGTERM');
  await stoa.exited;
  return seconds;
}
