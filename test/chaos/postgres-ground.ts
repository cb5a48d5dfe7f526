import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '@stoa/postgres';
import { createLog } from '@stoa/service';
import pg from 'pg';

/** Queries the database of a service directly, without a proxy. */
export type Ask = <Row extends object>(service: string, text: string, values?: readonly string[]) => Promise<Row[]>;

export interface PostgresGround {
  readonly port: number;
  /** The administrator's URL, by another port where a proxy is in between. */
  url(port?: number): string;
  readonly ask: Ask;
  /** kill -9 of the server: its keeper starts it again on the same port, and it recovers from its log. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Full durability, as in production: what was committed survives a kill because it was written. */
export async function startPostgresGround(folder: string): Promise<PostgresGround> {
  const server = await startEmbeddedPostgres({
    directory: join(folder, 'postgres'),
    log: createLog({ level: 'silent' }),
    settings: { max_connections: '200' },
  });
  const pid = async () => Number.parseInt(await readFile(join(server.directory, 'postmaster.pid'), 'utf8'), 10);
  const databaseUrl = (service: string) => Object.assign(new URL(server.url), { pathname: `/stoa_${service}` }).href;
  return {
    port: server.port,
    url: (port = server.port) => Object.assign(new URL(server.url), { port: String(port) }).href,
    async ask<Row extends object>(service: string, text: string, values: readonly string[] = []) {
      const client = new pg.Client({ connectionString: databaseUrl(service) });
      client.on('error', () => {});
      await client.connect();
      try {
        return (await client.query<Row>(text, [...values])).rows;
      } finally {
        await client.end();
      }
    },
    async kill() {
      process.kill(await pid(), 'SIGKILL');
    },
    stop: server.stop,
  };
}
