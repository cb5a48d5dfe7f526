import { randomUUID } from 'node:crypto';
import { type Identity, installAccess } from '@stoa/auth';
import { createHttp, type Http } from '@stoa/http';
import { installDeadLetterRoutes } from '@stoa/kit';
import { createDeadLetters, messagingMigrations } from '@stoa/messaging';
import { testDatabase } from '@stoa/postgres/testing';
import type { DeriveKey, Logger, Metrics, Service } from '@stoa/service';
import { sql } from 'kysely';

/** What a service has in common with the gateway before it. */
interface Shared {
  readonly identity: Identity;
  readonly derive: DeriveKey;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** A service with the messaging tables and nothing else, in which a test makes dead letters. */
export async function createDeadLetterService(name: string, shared: Shared) {
  const sources = [{ name: 'messaging', directory: messagingMigrations }];
  const { database, ...rest } = await testDatabase<unknown>({ sources, leftoversExpected: 'nothing takes up what is replayed' });
  const disposeDatabase = rest[Symbol.asyncDispose];
  const http = await bare(name, shared);
  let isAway = false;
  installAccess(http, { identity: shared.identity, derive: shared.derive });
  http.addHook('onRequest', async () => {
    if (isAway) throw new Error('the database is away');
  });
  installDeadLetterRoutes(http, createDeadLetters({ database, log: shared.log }));
  await http.ready();
  return {
    service: asService(name, http),
    setAway(away: boolean) {
      isAway = away;
    },
    /** @returns the id under which the message is shown. */
    async addDeadLetter(failedAt: string, { consumer = 'on-rain', data = {} as object } = {}) {
      const { rows } = await sql<{ id: number }>`
        insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, attempts, reason, failed_at)
        values (${consumer}, ${randomUUID()}, 'rain', 1, 'sky', 'k', now(), 'c-1', 't', ${JSON.stringify(data)}, 'dead', 12, 'too wet', ${failedAt})
        returning id`.execute(database.query);
      return `${name}.inbox-${rows[0]?.id}`;
    },
    async park(occurredAt: Date) {
      const { rows } = await sql<{ id: number }>`
        insert into outbox (message_id, type, version, key, subscribers, correlation_id, traceparent, data, occurred_at, reason, parked_at, attempts)
        values (${randomUUID()}, 'hail', 1, 'k', '{sky}', 'c', 't', '{}', ${occurredAt}, 'refused', now(), 10) returning id`.execute(
        database.query,
      );
      return `${name}.outbox-${rows[0]?.id}`;
    },
    addDeadLetters: (count: number) =>
      sql`insert into inbox (consumer, message_id, type, version, source, key, occurred_at, correlation_id, traceparent, data, status, attempts, reason, failed_at)
        select 'on-rain', gen_random_uuid(), 'rain', 1, 'sky', 'k', now(), 'c-1', 't', '{}', 'dead', 12, 'too wet', now()
        from generate_series(1, ${count})`.execute(database.query),
    /** From the first turn to the last. */
    secondsOfReplay: async () =>
      (
        await sql<{ seconds: number }>`select extract(epoch from max(run_at) - min(run_at))::float8 as seconds from inbox`.execute(
          database.query,
        )
      ).rows[0]?.seconds,
    giveUpAgain: () => sql`update inbox set status = 'dead', failed_at = now()`.execute(database.query),
    statusOf: async (id: string) =>
      (await sql<{ status: string }>`select status from inbox where id = ${id.split('-')[1]}::bigint`.execute(database.query)).rows[0]
        ?.status,
    clear: () => sql`truncate inbox, outbox, outbox_waiting`.execute(database.query),
    async dispose() {
      await http.close();
      await disposeDatabase.call(rest);
    },
  };
}

/** One that publishes and consumes nothing. */
export async function createSilentService(name: string, shared: Shared): Promise<Service> {
  const http = await bare(name, shared);
  await http.ready();
  return asService(name, http);
}

const bare = (name: string, { log, metrics }: Shared) =>
  createHttp({ name, title: name, description: '', version: '1', log, metrics, errors: {}, health: async () => [] });

const asService = (name: string, http: Http): Service => ({
  name,
  http: http as unknown as Service['http'],
  start: async () => {},
  stop: async () => {},
  health: async () => [],
});
