// Prints, as the table in docs/operations.md, how large the images are and how long each takes from the engine's `run` until it is ready.
// The images must be there: `npm run test:containers` makes them. Run it on a machine that has nothing else to do:
//
//   node test/containers/measure.ts
import { eventually } from '@stoa/service/testing';
import { closeProject, newProject } from './container-stoa.ts';
import { containersOf, publishedPort, runCompose, runEngine } from './engine.ts';
import { deployed } from './settings-of.ts';

const RUNS = 5;

const system = newProject();
const { project, variables } = system;
const imageOf = (service: string) => `stoa-${service}:${variables['STOA_VERSION']}`;

async function start(service: string): Promise<{ readonly seconds: number; readonly residentMiB: number }> {
  const [running] = await containersOf(project, service);
  const environment = JSON.parse(await runEngine(['inspect', '--format', '{{json .Config.Env}}', running as string])) as string[];
  const begun = performance.now();
  const words = ['--network', `${project}_stoa`, '--publish', '127.0.0.1::3000', ...environment.flatMap((each) => ['--env', each])];
  const container = await runEngine(['run', '--detach', '--read-only', '--cap-drop', 'ALL', ...words, imageOf(service)]);
  try {
    const place = await publishedPort(container, 3000);
    await eventually(
      async () => {
        if (!(await fetch(`http://${place}/health/ready`)).ok) throw new Error('not ready');
      },
      { timeoutMs: 60_000, intervalMs: 10 },
    );
    const seconds = (performance.now() - begun) / 1_000;
    const status = await runEngine(['exec', container, 'cat', '/proc/1/status']);
    return { seconds, residentMiB: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024 };
  } finally {
    await runEngine(['rm', '--force', container]);
  }
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
const sizeOf = async (image: string) => Number(await runEngine(['image', 'inspect', '--format', '{{.Size}}', image])) / 1e6;

try {
  await runCompose(project, ['up', '--detach', '--no-build', ...deployed], variables);
  for (const service of deployed) {
    for (const container of await containersOf(project, service)) {
      await eventually(
        () =>
          runEngine([
            'exec',
            container,
            'node',
            '-e',
            "fetch('http://127.0.0.1:3000/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1))",
          ]),
        {
          timeoutMs: 300_000,
          intervalMs: 500,
        },
      );
    }
  }
  const base = await sizeOf('docker.io/library/node:26-bookworm-slim');
  console.log('| image | size, of it ours | run to ready, median (of 5) | memory when ready |\n|---|---|---|---|');
  for (const service of deployed) {
    const runs = [];
    for (let run = 0; run < RUNS; run += 1) runs.push(await start(service));
    const size = await sizeOf(imageOf(service));
    const seconds = runs.map((run) => run.seconds);
    const spread = `${Math.min(...seconds).toFixed(2)}–${Math.max(...seconds).toFixed(2)}`;
    const memory = median(runs.map((run) => run.residentMiB)).toFixed(0);
    console.log(
      `| \`stoa-${service}\` | ${size.toFixed(0)} MB, ${(size - base).toFixed(0)} MB | ${median(seconds).toFixed(2)} s (${spread}) | ${memory} MiB |`,
    );
  }
} finally {
  await closeProject(system);
}
