import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killStartersIn } from './starter-process.ts';

/** A folder that other users may pass through, as a data folder is when we are root; removed at the end. */
export async function scratch(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'stoa-embedded-'));
  await chmod(path, 0o711);
  return {
    path,
    async [Symbol.asyncDispose]() {
      killStartersIn(path);
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
