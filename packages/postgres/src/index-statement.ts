import type pg from 'pg';

/** A statement that PostgreSQL runs only outside of a transaction, and that can be repeated after it was cut off. */
export interface IndexStatement {
  readonly sql: string;
  readonly index: string;
  /** The table of an index that is made; absent where one is dropped. */
  readonly table: string | undefined;
}

const CREATE = /^create (?:unique )?index concurrently if not exists (?<index>[a-z_]\w*) on (?<table>[a-z_]\w*)\b[^;]+;?$/i;
const DROP = /^drop index concurrently if exists (?<index>[a-z_]\w*) ?;?$/i;

/** @returns the statement, when the text is one such and nothing else. */
export function readIndexStatement(sql: string): IndexStatement | undefined {
  const bare = sql.replace(/--.*$/gm, '').replace(/\s+/g, ' ').trim();
  const { index, table } = (CREATE.exec(bare) ?? DROP.exec(bare))?.groups ?? {};
  return index === undefined ? undefined : { sql, index, table };
}

/**
 * Runs the statement, which reads a whole table and waits for every transaction that is older than itself. A statement that was cut off
 * has left an index that each write maintains and no query uses: that one is dropped first.
 * @returns whether the index is now as the statement wants it: it is not when another table's index has the name.
 */
export async function runIndexStatement(client: pg.Client, { sql, index, table }: IndexStatement): Promise<boolean> {
  if (table !== undefined && (await isValid(client, index, table)) === false)
    await client.query(`drop index concurrently if exists ${index}`);
  await client.query(sql);
  return table === undefined || (await isValid(client, index, table)) === true;
}

async function isValid(client: pg.Client, index: string, table: string): Promise<boolean | undefined> {
  const { rows } = await client.query<{ valid: boolean }>(
    'select indisvalid as valid from pg_index where indexrelid = to_regclass($1) and indrelid = to_regclass($2)',
    [index, table],
  );
  return rows[0]?.valid;
}
