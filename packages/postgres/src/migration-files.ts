import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { type IndexStatement, readIndexStatement } from './index-statement.ts';

/** A folder of `.sql` files named `0001-what.sql`, run in the order of their numbers. */
export interface MigrationSource {
  readonly name: string;
  readonly directory: URL;
}

/** A migration that cannot run or does not fit what was run before; the message names the file. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface Migration {
  readonly source: string;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
  /** What the one statement of a file that runs outside of a transaction does; absent for every other file. */
  readonly index?: IndexStatement;
}

/** The first line of a file that runs outside of a transaction. */
export const NO_TRANSACTION = '-- stoa: no transaction';
const FILE_NAME = /^\d{4}-[a-z0-9-]+\.sql$/;

/** The source's files in the order they are to run. @throws MigrationError for a name or a text that cannot be a migration. */
export async function readMigrations({ name: source, directory }: MigrationSource): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  names.forEach((name, index) => {
    if (!FILE_NAME.test(name)) throw new MigrationError(`${source}/${name}: the name is not like 0001-what.sql`);
    if (names[index - 1]?.slice(0, 4) === name.slice(0, 4))
      throw new MigrationError(`${source}/${name}: its number is taken by ${names[index - 1]}`);
  });
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, directory.href.endsWith('/') ? directory : `${directory.href}/`), 'utf8');
      const migration = { source, name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
      if (sql.split(/\r?\n/, 1)[0] !== NO_TRANSACTION) return migration;
      const index = readIndexStatement(sql);
      if (index === undefined) {
        throw new MigrationError(
          `${fileOf(migration)}: holds exactly one statement, as it runs outside of a transaction and may be repeated: "create index concurrently if not exists … on …" or "drop index concurrently if exists …"`,
        );
      }
      return { ...migration, index };
    }),
  );
}

export const fileOf = ({ source, name }: { readonly source: string; readonly name: string }): string => `${source}/${name}`;
