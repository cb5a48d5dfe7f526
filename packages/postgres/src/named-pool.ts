import { isRequest } from '@stoa/service';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { cutOff } from './cut-off.ts';
import { TransactionMisuse } from './guarded-transaction.ts';
import { createStatementNames } from './statement-names.ts';
import { databaseOf, inStatementSpan } from './statement-spans.ts';
import { asUnavailable, isSilence } from './unavailable.ts';

/** How long an answer may take, of a statement of a request and of any other. */
export interface AnswerLimits {
  readonly requestLimitMs: number;
  readonly statementLimitMs: number;
}

/** What is known of a real connection for as long as it lives. */
interface Known {
  /** When the server last answered on it. */
  lastAnswerAt: number;
  silence: Error | undefined;
  /** What it is handed out as next: as long as no transaction began on it, the same. */
  standIn: StandIn | undefined;
}

interface StandIn extends PostgresPoolClient {
  isGivenBack: boolean;
}

const BEGINS_TRANSACTION = /^\s*(begin|start transaction)\b/i;
const ENDS_TRANSACTION = /^\s*(commit|rollback)\s*$/i;

/**
 * The pool as Kysely sees it: statements that come back get names, and a connection that is refused, lost, not free
 * in time or silent becomes the error `database_unavailable`. A silent one is dropped, with those that may hang as well.
 * What is handed out refuses all statements once its transaction has been told to end, and for ever once it was given back:
 * a statement that comes late would run by itself, or inside a stranger's transaction.
 */
export function namedPool(pool: pg.Pool, { requestLimitMs, statementLimitMs }: AnswerLimits): PostgresPool {
  const nameOf = createStatementNames();
  const database = databaseOf(pool.options.connectionString);
  const known = new WeakMap<pg.PoolClient, Known>();
  /** Since when a connection may hang that has not answered since: a statement was sent then, and stayed without an answer. */
  let silentSince = Number.NEGATIVE_INFINITY;

  async function send(client: pg.PoolClient, of: Known, text: string, values: readonly unknown[]): Promise<pg.QueryResult> {
    // A server that did not answer a statement does not answer a rollback either.
    if (of.silence !== undefined) throw asUnavailable(of.silence);
    const name = nameOf(text);
    const sentAt = performance.now();
    const limit = isRequest() ? requestLimitMs : statementLimitMs;
    // No client waits for a background transaction: it waits for locks as long as its statements may take. In the same round trip.
    const sent = !isRequest() && BEGINS_TRANSACTION.test(text) ? `${text}; set local lock_timeout = 0` : text;
    try {
      const statement = { text: sent, values: values as unknown[], ...(name && { name }), query_timeout: limit };
      const result = await inStatementSpan(database, text, name, () => client.query(statement));
      of.lastAnswerAt = performance.now();
      return result;
    } catch (error) {
      if (isSilence(error)) {
        of.silence = error;
        silentSince = Math.max(silentSince, sentAt);
      }
      throw asUnavailable(error);
    }
  }

  /**
   * Kysely keeps state per object it is given. A transaction has one of its own, as its statements may come late; single statements, which
   * Kysely waits for, share one: to make it costs more than to send them.
   */
  function handOut(client: pg.PoolClient, of: Known): StandIn {
    let isOver = false;
    const query = async (text: string, values: readonly unknown[]): Promise<pg.QueryResult> => {
      // A commit that fails is followed by a rollback.
      const ends = ENDS_TRANSACTION.test(text);
      if (standIn.isGivenBack || (isOver && !ends))
        throw new TransactionMisuse('The transaction has ended: this statement would run outside of it.');
      isOver ||= ends;
      if (BEGINS_TRANSACTION.test(text)) of.standIn = undefined;
      return await send(client, of, text, values);
    };
    const standIn: StandIn = {
      isGivenBack: false,
      // Kysely's other form of `query`, with a cursor, is used by `stream()` alone, which needs a cursor library we do not have.
      query: query as unknown as PostgresPoolClient['query'],
      release(destroy) {
        standIn.isGivenBack = true;
        client.release(destroy || of.silence !== undefined);
      },
    };
    return standIn;
  }

  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      for (;;) {
        const client = await pool.connect().catch((error: unknown) => {
          throw asUnavailable(error);
        });
        const of = known.get(client) ?? { lastAnswerAt: performance.now(), silence: undefined, standIn: undefined };
        known.set(client, of);
        if (of.lastAnswerAt >= silentSince) {
          of.standIn ??= handOut(client, of);
          of.standIn.isGivenBack = false;
          return of.standIn;
        }
        cutOff(client);
        client.release(true);
      }
    },
  };
}
