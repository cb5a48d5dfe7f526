import type { Database } from '@stoa/postgres';
import type { HealthPart, Logger } from '@stoa/service';
import { createLeasedWorker, type Heartbeats, retryUntilAborted } from '@stoa/tasks';
import type { MailerMetrics } from '../metrics.ts';
import { PACE_CHANGED, QUEUE_CHANNEL } from '../queue-mail.ts';
import type { Renderer } from '../render.ts';
import type { Secrets } from '../secrets.ts';
import type { MailerTables } from '../tables.ts';
import type { Transport } from '../transports/transport.ts';
import { createAttempts } from './attempts.ts';
import { type ClaimedMail, createClaimMails } from './claim-mails.ts';
import { createDeliver } from './deliver.ts';
import { giveBack, reclaimMails } from './reclaim-mails.ts';
import { afterFailure } from './retry-policy.ts';

export interface SendingOptions {
  readonly database: Database<MailerTables>;
  readonly transport: Transport;
  readonly secrets: Secrets;
  readonly render: Renderer;
  readonly metrics: MailerMetrics;
  readonly log: Logger;
  readonly instanceId: string;
  readonly ratePerSecond: number;
  readonly connections: number;
  /** Others than our own, for tests. */
  readonly heartbeats?: Heartbeats;
}

export interface Sending {
  health(): HealthPart;
  stop(): Promise<void>;
}

/** Everything between the queue and the transport, running. */
export async function startSending(options: SendingOptions): Promise<Sending> {
  const { database, log, instanceId, ratePerSecond, connections, heartbeats } = options;
  const deliverUntil = (signal: AbortSignal) => createDeliver({ ...options, attempts: createAttempts(options, signal), signal });

  /** @returns whether the mail is in the queue again. */
  async function run(mail: ClaimedMail, signal: AbortSignal): Promise<boolean> {
    try {
      return (await deliverUntil(signal)(mail)) === 'queued';
    } catch (error) {
      log.error({ err: error, mail: mail.id }, 'delivery broke off');
      await retryUntilAborted(() => giveBack(database, instanceId, mail, afterFailure('broken', mail)), { signal, log });
      return false;
    }
  }

  const worker = createLeasedWorker<MailerTables, ClaimedMail>({
    name: 'sender',
    group: { name: 'mailer', table: 'instances' },
    database,
    instanceId,
    log,
    heartbeats,
    concurrency: connections,
    claim: createClaimMails(ratePerSecond, instanceId),
    run,
    reclaim: (tx, owners, except) => reclaimMails(database, tx, owners, except),
  });
  const start = async () => {
    await worker.start();
    return await database.listen(QUEUE_CHANNEL, (told) => worker.wake(told === PACE_CHANGED));
  };
  const unlisten = await start().catch(async (error) => {
    // Nobody else can stop what has started.
    await worker.stop().catch((failure) => log.error({ err: failure }, 'a sender that could not start did not stop well'));
    throw error;
  });
  return {
    health: worker.health,
    async stop() {
      await worker.stop();
      await unlisten();
    },
  };
}
