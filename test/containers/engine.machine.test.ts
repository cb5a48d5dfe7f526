import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const engine = new URL('engine.ts', import.meta.url).href;
const run = `await (await import('${engine}')).runCompose('none', ['build'], {})`;

/** Runs a compose command on a machine whose only engine is a podman that does this. @returns what was printed on standard error. */
async function onMachineWith(podman: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-engine-'));
  try {
    await writeFile(join(folder, 'podman'), `#!/bin/sh\n${podman}\n`);
    await chmod(join(folder, 'podman'), 0o755);
    const ended = promisify(execFile)(process.execPath, ['--input-type=module', '-e', run], { env: { PATH: folder } });
    return await ended.then(
      () => '',
      ({ stderr }: { stderr: string }) => stderr,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('an engine without compose, as podman before 4.7, is reported with what is needed instead', async () => {
  const said = await onMachineWith('[ "$1" = info ] || { echo "unrecognized command" >&2; exit 125; }');
  expect(said).toContain('`podman compose` does not work on this machine');
  expect(said).toContain('podman 4.7 or newer');
  expect(said).toContain('CONTAINERS_ENGINE');
});

test('an engine with compose runs the command, and its own failure is reported', async () => {
  const said = await onMachineWith('[ "$1" = info ] || [ "$2" = version ] || { echo "no such file" >&2; exit 1; }');
  expect(said).toContain('no such file');
  expect(said).not.toContain('does not work on this machine');
});
