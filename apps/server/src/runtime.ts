import { join, resolve } from 'node:path';
import { EmbeddedPostgresError, startEmbeddedPostgres } from '@stoa/postgres';
import { createKeys, type DeriveKey, type Logger } from '@stoa/service';
import { type DataDirectory, openDataDirectory, readRun, secretOf } from './data-directory.ts';
import type { DatabasePlace } from './databases.ts';
import type { Settings } from './settings.ts';
import { StartProblem } from './start-problem.ts';

/**
 * What the services run on: the address of the databases and the secret. Embedded, both come from the data folder and
 * Postgres is started here; else both are configured and nothing on this machine is touched.
 */
export interface Runtime {
  readonly databases: DatabasePlace;
  readonly derive: DeriveKey;
  /** Absent when Postgres is external. */
  readonly data?: DataDirectory;
  /** Where the embedded Postgres keeps its files: below the data folder, or where its user can reach them. */
  readonly postgresDirectory?: string;
  /** Stops what was started here, Postgres last. */
  close(): Promise<void>;
}

export async function openRuntime(
  { config, resolved: environment, embedded }: Settings,
  log: Logger,
  onProgress: (line: string) => void,
): Promise<Runtime> {
  const { DATABASE_URL: adminUrl, DATABASE_PREFIX: prefix, STOA_SECRET: secret } = config;
  if (!embedded) {
    const derive = deriveFrom(secret as string);
    return { derive, databases: { adminUrl, prefix, derive, environment }, close: async () => {} };
  }
  const data = await openDataDirectory(config.DATA_DIR);
  try {
    const derive = deriveFrom(secret ?? (await data.secret()));
    const postgres = await startEmbeddedPostgres({ directory: join(data.path, 'postgres'), log, onProgress });
    return {
      derive,
      data,
      postgresDirectory: postgres.directory,
      databases: { adminUrl: postgres.url, prefix, derive, environment },
      close: async () => {
        await postgres.stop();
        await data.release();
      },
    };
  } catch (error) {
    await data.release();
    throw error instanceof EmbeddedPostgresError ? new StartProblem(error.message, error.fix, 69) : error;
  }
}

export function deriveFrom(secret: string): DeriveKey {
  try {
    return createKeys(secret);
  } catch {
    throw new StartProblem(
      'STOA_SECRET is not 32 bytes in base64.',
      'Make one with "npx stoa secret"; keep it, as nothing else decrypts what it has encrypted.',
    );
  }
}

/** For commands: the databases of a Stoa that runs here, of an external Postgres, or of this folder, started temporarily. */
export async function withRuntime<T>(settings: Settings, log: Logger, work: (databases: DatabasePlace) => Promise<T>): Promise<T> {
  const { config, resolved: environment, embedded } = settings;
  const run = embedded ? await readRun(config.DATA_DIR) : undefined;
  if (run !== undefined) {
    const derive = deriveFrom(config.STOA_SECRET ?? (await secretOf(resolve(config.DATA_DIR))));
    return await work({ adminUrl: run.databaseUrl, prefix: config.DATABASE_PREFIX, derive, environment });
  }
  const runtime = await openRuntime(settings, log, (line) => console.error(line));
  try {
    return await work(runtime.databases);
  } finally {
    await runtime.close();
  }
}
