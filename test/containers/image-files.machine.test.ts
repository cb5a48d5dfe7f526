import { execFile } from 'node:child_process';
import { cp, mkdtempDisposable, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { GATEWAY, serviceNames } from '../../apps/server/src/services.ts';
import { deployed } from './settings-of.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/** The files of the image of a service, as its build makes them. */
async function filesOf(service: string) {
  const folder = await mkdtempDisposable(join(tmpdir(), 'stoa-image-'));
  const taken = (await readFile(join(root, '.dockerignore'), 'utf8')).split('\n').filter((line) => line.startsWith('!'));
  for (const path of taken.map((line) => line.slice(1))) {
    await cp(join(root, path), join(folder.path, path), { recursive: true, filter: (source) => !source.endsWith('node_modules') });
  }
  await run(process.execPath, ['deploy/image/only-service.js', service], { cwd: folder.path });
  return folder;
}

test('the gateway has the document of each service, though it has none of the services', async () => {
  await using folder = await filesOf(GATEWAY);
  const program = `import { readDirectory } from './services/gateway/src/backends/directory.ts';
    const titles = Object.entries(readDirectory()).map(([name, { openApi }]) => [name, typeof openApi().paths]);
    console.log(JSON.stringify(titles));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder.path });
  expect(JSON.parse(stdout)).toEqual(serviceNames.map((name) => [name, 'object']));
  expect(await readdir(join(folder.path, 'services'))).toEqual([GATEWAY]);
});

test.for(deployed.filter((name) => name !== GATEWAY))('%s has its own files, and no document', async (service) => {
  await using folder = await filesOf(service);
  const files = await readdir(folder.path);
  expect([files.includes('docs'), await readdir(join(folder.path, 'services'))]).toEqual([false, [service]]);
});
