import { availableParallelism, cpus } from 'node:os';
import { cached } from './cached.ts';
import { eventStore } from './event-store.ts';
import { gateway } from './gateway.ts';
import { gatewayProxy } from './gateway-proxy.ts';
import { logIns } from './log-in.ts';
import { lookCost } from './look-cost.ts';
import { pipeline } from './pipeline.ts';
import { posts } from './posts.ts';
import { profile } from './profile.ts';
import { pipelineOverRabbit } from './rabbitmq.ts';
import { refresh } from './refresh.ts';
import { registration } from './registration.ts';
import { scale } from './scale.ts';
import { startUp } from './start-up.ts';
import { timing } from './timing.ts';
import type { Result, Workload } from './workload.ts';

/**
 * `npm run bench [name …]`: every workload beside its floor, measured in turns in the same run, as machines are noisy.
 * A ratio says how much of what the machine can do is left when Stoa does it.
 */
const workloads: Record<string, Workload> = {
  registration,
  'log-in': logIns,
  refresh,
  profile,
  timing,
  gateway,
  cached,
  'gateway-proxy': gatewayProxy,
  pipeline,
  'start-up': startUp,
};

/** Too long for every run, or in need of another service: by name only. */
const long: Record<string, Workload> = {
  scale,
  posts,
  'pipeline-rabbitmq': pipelineOverRabbit,
  looks: lookCost,
  'event-store': eventStore,
};

const chosen = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(workloads);
console.log(`${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model.trim()}\n`);

const results: Result[] = [];
for (const name of chosen) {
  const workload = workloads[name] ?? long[name];
  if (workload === undefined) throw new Error(`no workload "${name}": choose from ${Object.keys({ ...workloads, ...long }).join(', ')}`);
  console.error(`… ${name}`);
  results.push(...(await workload()));
}

const number = (value: number) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
console.log('| what | measured | floor | ratio | goal |\n|---|---:|---:|---:|---:|');
for (const { what, value, unit, floor, goal } of results) {
  const beside = floor === undefined ? '– | –' : `${number(floor)} ${unit} | ${(value / floor).toFixed(2)}`;
  console.log(`| ${what} | ${number(value)} ${unit} | ${beside} | ${goal ?? '–'} |`);
}
