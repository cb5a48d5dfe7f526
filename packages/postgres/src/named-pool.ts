import { isRequest } from '@stoa/service';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { cutOff } from './cut-off.ts';
import { createStatementNames } from './statement-names.ts';
import { databaseOf, inStatementSpan } from './statement-spans.ts';
import { asUnavailable, isSilence } from './unavailable.ts';

/** How long an answer may take, of a statement of a request and of any other. */
export interface AnswerLimits {
  readonly requestLimitMs: number;
  readonly statementLimitMs: number;
}

interface StandIn extends PostgresPoolClient {
  /** When the server last answered on it. */
  heardAt(): number;
}

/**
 * The pool as Kysely sees it: statements that come back get names, and a connection that is refused, lost, not free
 * in time or silent becomes the error `database_unavailable`. A silent one is dropped, with those that may hang as well.
 */
export function namedPool(pool: pg.Pool, { requestLimitMs, statementLimitMs }: AnswerLimits): PostgresPool {
  const nameOf = createStatementNames();
  const database = databaseOf(pool.options.connectionString);
  // Kysely keeps state per client object, so each real client has one stand-in for its whole life.
  const standIns = new WeakMap<pg.PoolClient, StandIn>();
  /** Since when a connection may hang that has not answered since: a statement was sent then, and stayed without an answer. */
  let silentSince = Number.NEGATIVE_INFINITY;

  const standIn = (client: pg.PoolClient): StandIn => {
    let heardAt = performance.now();
    let silence: Error | undefined;
    const query = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult> => {
      // Who did not answer a statement answers no rollback either.
      if (silence !== undefined) throw asUnavailable(silence);
      const name = nameOf(text);
      const sentAt = performance.now();
      const limit = isRequest() ? requestLimitMs : statementLimitMs;
      try {
        const statement = { text, values: values as unknown[], ...(name && { name }), query_timeout: limit };
        const result = await inStatementSpan(database, text, name, () => client.query(statement));
        heardAt = performance.now();
        return result;
      } catch (error) {
        if (isSilence(error)) {
          silence = error;
          silentSince = Math.max(silentSince, sentAt);
        }
        throw asUnavailable(error);
      }
    };
    // Kysely's other form of `query`, with a cursor, is used by `stream()` alone, which needs a cursor library we do not have.
    return {
      query: query as unknown as PostgresPoolClient['query'],
      release: (destroy) => client.release(destroy || silence !== undefined),
      heardAt: () => heardAt,
    };
  };

  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      for (;;) {
        const client = await pool.connect().catch((error: unknown) => {
          throw asUnavailable(error);
        });
        const known = standIns.get(client) ?? standIn(client);
        standIns.set(client, known);
        if (known.heardAt() >= silentSince) return known;
        cutOff(client);
        client.release(true);
      }
    },
  };
}
