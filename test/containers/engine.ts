import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '../..');
const execute = promisify(execFile);
export type Variables = Readonly<Record<string, string>>;

/** Docker where its engine answers, else podman. */
let found: Promise<string> | undefined;
function engine(): Promise<string> {
  found ??= Promise.any(['docker', 'podman'].map((name) => execute(name, ['info']).then(() => name))).catch(() => {
    throw new Error('Neither Docker nor podman answers on this machine.');
  });
  return found;
}

let composer: Promise<string> | undefined;
/** The command that has a `compose`: the engine, or what `CONTAINERS_ENGINE` names. @throws with what is needed when there is none. */
function composeEngine(): Promise<string> {
  composer ??= (async () => {
    const name = process.env['CONTAINERS_ENGINE'] ?? (await engine());
    await execute(name, ['compose', 'version']).catch((cause) => {
      throw new Error(
        `\`${name} compose\` does not work on this machine. The tests in containers need Docker with its Compose plugin, or podman 4.7 or newer ` +
          'with docker-compose or podman-compose. Another command that has a `compose` can be named by CONTAINERS_ENGINE.',
        { cause },
      );
    });
    return name;
  })();
  return composer;
}

/** Runs a command of the engine. @returns what it printed. @throws with its error output. */
export async function runEngine(words: readonly string[]): Promise<string> {
  return (await execute(await engine(), [...words], { maxBuffer: 64 * 2 ** 20 })).stdout.trim();
}

/** All that containers have printed and will print, on both streams. */
export const followLogs = async (container: string): Promise<ChildProcess> =>
  spawn(await engine(), ['logs', '--follow', container], { stdio: ['ignore', 'pipe', 'pipe'] });

/** Runs a command of the engine's `compose` on `deploy/compose.yaml`, with what these tests change in it. */
export async function runCompose(project: string, words: readonly string[], variables: Variables): Promise<void> {
  const files = ['deploy/compose.yaml', 'test/containers/compose.e2e.yaml'].flatMap((file) => ['-f', file]);
  await execute(await composeEngine(), ['compose', '-p', project, ...files, ...words], {
    cwd: root,
    // Podman's own format of images has no health check.
    env: { ...process.env, BUILDAH_FORMAT: 'docker', ...variables },
    maxBuffer: 64 * 2 ** 20,
  });
}

/** The containers of a service, whether they run or not. */
export async function containersOf(project: string, service: string): Promise<string[]> {
  const labels = [`com.docker.compose.project=${project}`, `com.docker.compose.service=${service}`];
  const ids = await runEngine(['ps', '--all', '--quiet', ...labels.flatMap((label) => ['--filter', `label=${label}`])]);
  return ids.split('\n').filter((id) => id !== '');
}

/** Where a port of a container is on this machine: host and port. */
export async function publishedPort(container: string, port: number): Promise<string> {
  return (await runEngine(['port', container, `${port}/tcp`])).split('\n')[0] as string;
}
