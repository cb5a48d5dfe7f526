/** Run as a process of its own by `starter-process.ts`: starts Postgres as `stoa` does, reports the outcome as a line of JSON, waits. */
import { createLog } from '@stoa/service';
import { EmbeddedPostgresError } from '../embedded-postgres-error.ts';
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from '../start-embedded-postgres.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as Omit<EmbeddedPostgresOptions, 'log'>;
const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  const { url, directory, stop } = await startEmbeddedPostgres({ ...options, log: createLog({ level: 'silent' }) });
  process.once('SIGTERM', () => void stop().then(() => process.exit(0)));
  // A Ctrl-C goes to the whole group; what becomes of Postgres then is for the test to see.
  process.on('SIGINT', () => {});
  setInterval(() => {}, 60_000);
  tell({ url, directory });
} catch (error) {
  if (!(error instanceof EmbeddedPostgresError)) throw error;
  tell({ problem: error.message, fix: error.fix });
  process.exitCode = 1;
}
