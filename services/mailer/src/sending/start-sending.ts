import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '@stoa/postgres';
import type { HealthPart, Logger } from '@stoa/service';
import type { MailerMetrics } from '../metrics.ts';
import { PACE_CHANGED, QUEUE_CHANNEL } from '../queue-mail.ts';
import type { Renderer } from '../render.ts';
import type { Secrets } from '../secrets.ts';
import type { MailerTables } from '../tables.ts';
import type { Transport } from '../transports/transport.ts';
import { createAttempts } from './attempts.ts';
import { createClaimMails } from './claim-mails.ts';
import { createDeliver } from './deliver.ts';
import { createInstance, type Heartbeats } from './instance.ts';
import { reclaimMails } from './reclaim-mails.ts';
import { afterFailure } from './retry-policy.ts';
import { retryUntilAborted } from './retry-until-aborted.ts';
import { startSender } from './sender.ts';

/** How long a stop lets mails that are on their way arrive. */
const GRACE_MS = 5_000;

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
  const { database, log, instanceId, ratePerSecond, connections } = options;
  const ending = new AbortController();
  const { signal } = ending;
  const instance = createInstance(database, instanceId, log, options.heartbeats);
  await instance.start();
  const sender = startSender({
    claim: createClaimMails(database, ratePerSecond, instanceId),
    deliver: createDeliver({ ...options, attempts: createAttempts(database, instanceId, signal), signal }),
    giveBack: async (mail) =>
      void (await retryUntilAborted(
        () => reclaimMails(database, [instanceId], { only: { mail, next: afterFailure('broken', mail) } }),
        signal,
      )),
    takeBack: (inHand) => reclaimMails(database, [instanceId], { except: inHand }),
    concurrency: connections,
    log,
  });
  const unlisten = await database.listen(QUEUE_CHANNEL, (told) => sender.wake(told === PACE_CHANGED));
  return {
    health: sender.health,
    async stop() {
      const stopped = sender.stop();
      await Promise.race([stopped, delay(GRACE_MS, undefined, { ref: false })]);
      ending.abort();
      await stopped;
      await unlisten();
      await instance.stop();
    },
  };
}
