import { databaseFolder } from '../../testing/database-folder.ts';
import { killStartersIn } from './starter-process.ts';

/** A folder for a database server, and for the processes that start it, which end with it. */
export async function scratch(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await databaseFolder();
  return {
    path: folder.path,
    async [Symbol.asyncDispose]() {
      killStartersIn(folder.path);
      await folder[Symbol.asyncDispose]();
    },
  };
}
