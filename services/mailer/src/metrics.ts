import type { Database } from '@stoa/postgres';
import type { Metrics } from '@stoa/service';
import { sql } from 'kysely';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { MailerTables } from './tables.ts';

export interface MailerMetrics {
  /** Mails that reached their end. */
  readonly mails: Counter<'template' | 'status'>;
  /** How long the mail server takes for one mail. */
  readonly sending: Histogram;
}

export function createMailerMetrics(registry: Metrics, database: Database<MailerTables>): MailerMetrics {
  new Gauge({
    name: 'mailer_oldest_queued_seconds',
    help: 'Age of the oldest mail that waits to leave; 0 when none waits.',
    registers: [registry],
    async collect() {
      const oldest = await database.query
        .selectFrom('mails')
        .select(sql<number>`extract(epoch from clock_timestamp() - created_at)::float8`.as('age'))
        .where('status', '=', 'queued')
        // The queue may be long: the first of it is enough.
        .orderBy('position')
        .limit(1)
        .executeTakeFirst()
        // The other metrics are worth reading while the database is away.
        .catch(() => ({ age: Number.NaN }));
      this.set(oldest?.age ?? 0);
    },
  });
  return {
    mails: new Counter({
      name: 'mailer_mails_total',
      help: 'Mails that reached their end.',
      labelNames: ['template', 'status'],
      registers: [registry],
    }),
    sending: new Histogram({
      name: 'mailer_sending_seconds',
      help: 'How long the mail server takes for one mail.',
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 30],
      registers: [registry],
    }),
  };
}
