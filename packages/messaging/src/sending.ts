import type { Logger } from '@stoa/service';
import { backoffMs } from './backoff.ts';
import type { Broker, Outgoing, Rejection } from './broker.ts';
import { publishInSpans } from './message-spans.ts';
import type { OutboxRow } from './outbox-rows.ts';
import type { MessagingSettings } from './settings.ts';
import type { WaitingRoutes } from './waiting-routes.ts';
import type { createWaitingRows, SetAside, WaitingRow } from './waiting-rows.ts';

/** What is to leave: a row for all of its subscribers, or what waited for one. */
export type Row = OutboxRow | WaitingRow;

const isFresh = (row: Row): row is OutboxRow => 'subscribers' in row;

interface Sending extends Outgoing {
  readonly row: Row;
}

interface SenderOptions {
  readonly broker: Pick<Broker, 'publish'>;
  readonly log: Logger;
  readonly settings: MessagingSettings;
  readonly waiting: Pick<ReturnType<typeof createWaitingRows>, 'setAside' | 'settle' | 'countRefusal' | 'park'>;
  readonly routes: WaitingRoutes;
  readonly published: (count: number) => void;
}

/** A key at a subscriber: of these, one message is under way at a time. */
const laneOf = (subscriber: string, { message }: Row): string => `${subscriber}\n${message.key}`;

/** Hands batches to the bus, and holds back what a subscriber does not take, with what comes behind it for the same subscriber. */
export function createSender({ broker, log, settings, waiting, routes, published }: SenderOptions) {
  /** @param stuck where something waits since it was read, so that nothing may overtake it. @returns the subscribers it leaves for now. */
  function open(row: Row, stuck: ReadonlySet<string>): string[] {
    const goes = (subscriber: string): boolean =>
      (stuck.size === 0 || !stuck.has(laneOf(subscriber, row))) && !routes.isAsleep({ subscriber, type: row.message.type });
    if (!isFresh(row)) return goes(row.subscriber) ? [row.subscriber] : [];
    return row.subscribers.filter((subscriber) => !row.blocked.includes(subscriber) && goes(subscriber));
  }

  /** @returns the rows that all of their subscribers have. */
  async function sendOne(wave: readonly Row[], stuckBefore: ReadonlySet<string>, stuck: Set<string>): Promise<OutboxRow[]> {
    // Observers receive a row at once, whichever of its subscribers has to wait for it.
    const held = stuckBefore.union(stuck);
    const sending = wave
      .map((row): Sending => ({ row, message: row.message, subscribers: open(row, held), ...(isFresh(row) ? {} : { isRepeat: true }) }))
      .filter(({ row, subscribers }) => isFresh(row) || subscribers.length > 0);
    if (sending.length === 0) return [];
    const rejections = await publishInSpans(sending, (outgoing) => broker.publish(outgoing));
    const rejected = new Map(rejections.map((rejection) => [`${rejection.id} ${rejection.subscriber}`, rejection]));
    const rejectionOf = ({ message }: Row, subscriber: string): Rejection | undefined =>
      rejected.size === 0 ? undefined : rejected.get(`${message.id} ${subscriber}`);
    const [taken, settled, aside]: [OutboxRow[], number[], SetAside[]] = [[], [], []];
    const now = performance.now();
    for (const { row, subscribers } of sending) {
      const { type } = row.message;
      for (const subscriber of subscribers) {
        const rejection = rejectionOf(row, subscriber);
        if (rejection === undefined) routes.wake({ subscriber, type });
        else if (rejection.reason === 'unroutable') routes.sleep({ subscriber, type }, rejection.detail, now);
      }
      if (isFresh(row)) {
        const left = row.subscribers.filter(
          (subscriber) => !subscribers.includes(subscriber) || rejectionOf(row, subscriber) !== undefined,
        );
        for (const subscriber of left) stuck.add(laneOf(subscriber, row));
        aside.push(...left.map((subscriber) => toSetAside(row, subscriber, rejectionOf(row, subscriber))));
        if (left.length === 0) taken.push(row);
      } else {
        const rejection = rejectionOf(row, row.subscriber);
        if (rejection === undefined) settled.push(row.id);
        else stuck.add(laneOf(row.subscriber, row));
        if (rejection?.reason === 'refused') await refuseAgain(row, rejection.detail);
      }
    }
    await setAside(aside, wave);
    published(await waiting.settle(settled));
    return taken;
  }

  function toSetAside({ id, message }: OutboxRow, subscriber: string, rejection: Rejection | undefined): SetAside {
    const isRefused = rejection?.reason === 'refused';
    const attempts = isRefused ? 1 : 0;
    const isParked = isRefused && attempts >= settings.publishAttempts;
    if (isRefused) logRefusal(message, subscriber, attempts, rejection.detail, isParked);
    const waitMs = isRefused ? backoffMs(settings.backoff, attempts) : 0;
    return { outboxId: id, subscriber, attempts, waitMs, isParked, reason: isRefused ? rejection.detail : null };
  }

  async function refuseAgain({ id, subscriber, message, ...row }: WaitingRow, reason: string): Promise<void> {
    const attempts = row.attempts + 1;
    const isLast = attempts >= settings.publishAttempts;
    logRefusal(message, subscriber, attempts, reason, isLast);
    if (isLast) await waiting.park([id], reason, 1);
    else await waiting.countRefusal(id, reason, backoffMs(settings.backoff, attempts));
  }

  function logRefusal(
    { id: messageId, type }: Row['message'],
    subscriber: string,
    attempts: number,
    reason: string,
    isLast: boolean,
  ): void {
    if (isLast) log.error({ messageId, type, subscriber, attempts, reason }, 'message parked: the bus refuses it');
    else log.warn({ messageId, type, subscriber, attempts, reason }, 'message refused by the bus, will try again');
  }

  async function setAside(deliveries: readonly SetAside[], wave: readonly Row[]): Promise<void> {
    await waiting.setAside(deliveries);
    const types = new Map(wave.map(({ id, message }) => [id, message.type]));
    for (const { outboxId, subscriber } of deliveries) routes.add({ subscriber, type: types.get(outboxId) as string });
  }

  return {
    /**
     * Sends the first row of each key together, then the second ones, and so on; what is rejected holds up what is behind it for the same subscriber.
     * @param sent gets the rows that all of their subscribers have. @param stuckBefore where something waits since the batch was read.
     * @param stuck gets where something waits from now on.
     */
    async send(batch: readonly Row[], sent: OutboxRow[], stuckBefore: ReadonlySet<string>, stuck: Set<string>): Promise<void> {
      for (let rest = batch; rest.length > 0; ) {
        const [wave, later] = splitWave(rest);
        sent.push(...(await sendOne(wave, stuckBefore, stuck)));
        rest = later;
      }
    },

    /** Some subscribers may have had these long ago, time and again. They forget them soon, and would take them for new. */
    async giveUp(late: readonly Row[]): Promise<void> {
      if (late.length === 0) return;
      const reason = `not with its subscriber within ${settings.sendWithinHours} hours`;
      const old = { attempts: 0, waitMs: 0, reason, isParked: true };
      await setAside(
        late.filter(isFresh).flatMap(({ id, subscribers }) => subscribers.map((subscriber) => ({ ...old, outboxId: id, subscriber }))),
        late,
      );
      const waited = late.filter((row) => !isFresh(row)).map(({ id }) => id);
      if (waited.length > 0) await waiting.park(waited, reason, 0);
      log.error({ count: late.length, types: [...new Set(late.map(({ message }) => message.type))], reason }, 'messages parked');
    },

    /** Tries a route that sleeps with one delivery. It is sent once more if it was taken, with those behind it; its subscriber has it then. */
    async tryRoute(row: WaitingRow): Promise<void> {
      const { subscriber, message } = row;
      const [rejection] = await broker.publish([{ message, subscribers: [subscriber], isRepeat: true }]);
      const route = { subscriber, type: message.type };
      if (rejection?.reason === 'unroutable') routes.sleep(route, rejection.detail, performance.now());
      else routes.wake(route);
    },
  };
}

/** The first row of each key, and the rows behind them: of fresh ones over all subscribers, as observers receive them in order too. */
function splitWave(rows: readonly Row[]): [wave: Row[], later: Row[]] {
  const begun = new Set<string>();
  const wave: Row[] = [];
  const later: Row[] = [];
  for (const row of rows) {
    const lanes = isFresh(row)
      ? [row.message.key, ...row.subscribers.map((subscriber) => laneOf(subscriber, row))]
      : [laneOf(row.subscriber, row)];
    (lanes.some((lane) => begun.has(lane)) ? later : wave).push(row);
    for (const lane of lanes) begun.add(lane);
  }
  return [wave, later];
}
