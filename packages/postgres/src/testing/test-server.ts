import { join } from 'node:path';
import { createLog } from '@stoa/service';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/start-embedded-postgres.ts';
import { databaseFolder } from './database-folder.ts';

/** A test database may lose its data in a power cut. */
const FAST_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off', max_connections: '200' };

/** A Postgres of its own in a temporary folder. `stop` removes it. */
export async function startTestServer(settings: Readonly<Record<string, string>> = {}): Promise<EmbeddedPostgres> {
  const folder = await databaseFolder();
  const server = await startEmbeddedPostgres({
    directory: join(folder.path, 'postgres'),
    log: createLog({ level: 'silent' }),
    settings: { ...FAST_SETTINGS, ...settings },
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
