import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** Queries the database of a service of the Stoa that runs on the folder. */
export async function ask<Row extends object>(
  dataDirectory: string,
  service: string,
  text: string,
  values: readonly string[] = [],
): Promise<Row[]> {
  const { databaseUrl } = JSON.parse(await readFile(join(dataDirectory, 'run.json'), 'utf8')) as { databaseUrl: string };
  const client = new pg.Client(Object.assign(new URL(databaseUrl), { pathname: `/stoa_${service}` }).href);
  await client.connect();
  try {
    return (await client.query<Row>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
