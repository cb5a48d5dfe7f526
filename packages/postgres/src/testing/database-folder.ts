import { chmod, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Making a database takes a seventh of the time there. */
const IN_MEMORY = '/dev/shm';
/** More than the tests of one run hold at a time. */
const ROOM_BYTES = 4 * 1024 ** 3;

/**
 * A folder for the data of a database server, removed at the end. As root, Postgres is another user, which must be able to pass through.
 * @param parent in memory by default, where there is room.
 */
export async function databaseFolder(parent?: string): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(parent ?? (await inMemory()), 'stoa-test-'));
  await chmod(path, 0o711);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

async function inMemory(): Promise<string> {
  const { bavail = 0, bsize = 0 } = await statfs(IN_MEMORY).catch(() => ({ bavail: 0, bsize: 0 }));
  return bavail * bsize >= ROOM_BYTES ? IN_MEMORY : tmpdir();
}
