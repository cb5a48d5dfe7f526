import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { createStatementNames } from './statement-names.ts';
import { databaseOf, inStatementSpan } from './statement-spans.ts';
import { asUnavailable } from './unavailable.ts';

/**
 * The pool as Kysely sees it: statements that come back get names, and a connection that is refused, lost or not free
 * in time becomes the error `database_unavailable`.
 */
export function namedPool(pool: pg.Pool): PostgresPool {
  const nameOf = createStatementNames();
  const database = databaseOf(pool.options.connectionString);
  // Kysely keeps state per client object, so each real client has one stand-in for its whole life.
  const named = new WeakMap<pg.PoolClient, PostgresPoolClient>();

  const standIn = (client: pg.PoolClient): PostgresPoolClient => {
    const query = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult> => {
      const name = nameOf(text);
      try {
        return await inStatementSpan(database, text, name, () =>
          client.query({ text, values: values as unknown[], ...(name && { name }) }),
        );
      } catch (error) {
        throw asUnavailable(error);
      }
    };
    // Kysely's other form of `query`, with a cursor, is used by `stream()` alone, which needs a cursor library we do not have.
    return { query: query as unknown as PostgresPoolClient['query'], release: (destroy) => client.release(destroy) };
  };

  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect().catch((error: unknown) => {
        throw asUnavailable(error);
      });
      const known = named.get(client) ?? standIn(client);
      named.set(client, known);
      return known;
    },
  };
}
