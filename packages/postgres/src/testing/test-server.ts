import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@stoa/service';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/start-embedded-postgres.ts';

/** What a test database may lose in a power cut is nothing anybody misses. */
const FAST_SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off', max_connections: '200' };

/** A Postgres of its own in a temporary folder, for one run of tests. `stop` removes it. */
export async function startTestServer(): Promise<Pick<EmbeddedPostgres, 'url' | 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-test-'));
  await chmod(folder, 0o711);
  const server = await startEmbeddedPostgres({
    directory: join(folder, 'postgres'),
    log: createLog({ level: 'silent' }),
    settings: FAST_SETTINGS,
  });
  return {
    url: server.url,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}
