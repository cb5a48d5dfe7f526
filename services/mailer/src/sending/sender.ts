import type { HealthPart, Logger } from '@stoa/service';
import type { ClaimedMail, ClaimMails } from './claim-mails.ts';
import type { Deliver } from './deliver.ts';

/** After an error, most likely of the database. */
const RECOVER_MS = 1_000;
/** The longest that a timer takes. */
const FOREVER_MS = 2 ** 31 - 1;

export interface SenderOptions {
  readonly claim: ClaimMails;
  readonly deliver: Deliver;
  /** What to do with a mail whose delivery threw: it must not stay in our hands. */
  readonly giveBack: (mail: ClaimedMail) => Promise<void>;
  /** What is ours in the database goes back to the queue, except `inHand`. @returns how many mails it were. */
  readonly takeBack: (inHand: readonly string[]) => Promise<number>;
  /** Most mails on their way at once. */
  readonly concurrency: number;
  readonly log: Logger;
}

export interface Sender {
  /** There may be something to claim; `paceChanged`: perhaps before the time that the last claim was told. */
  wake(paceChanged?: boolean): void;
  /** Claims nothing more and resolves when nothing is in hand. */
  stop(): Promise<void>;
  health(): HealthPart;
}

/** Claims mails as the pace allows, and lets each go its way without waiting for it. */
export function startSender({ claim, deliver, giveBack, takeBack, concurrency, log }: SenderOptions): Sender {
  const inHand = new Map<string, Promise<void>>();
  /** Mails may be ours that we do not know of: the answer to a claim was lost, or a mail could not be given back. */
  let isUnsure = false;
  let stopping = false;
  let moreMails = false;
  let newPace = false;
  let endPause = (): void => {};
  let trouble: string | undefined;

  function wake(paceChanged = false): void {
    moreMails = true;
    newPace ||= paceChanged;
    endPause();
  }

  function take(mail: ClaimedMail): void {
    const way = deliver(mail)
      .then((status) => {
        // It comes again sooner, perhaps, than the last claim could know.
        if (status === 'queued') wake();
      })
      .catch(async (error) => {
        log.error({ err: error, mail: mail.id }, 'delivery broke off');
        await giveBack(mail);
      })
      .catch((error) => {
        isUnsure = true;
        log.error({ err: error, mail: mail.id }, 'a mail could not be given back, will be looked for');
      })
      .finally(() => {
        // It may be in hand anew.
        if (inHand.get(mail.id) === way) inHand.delete(mail.id);
        // A free hand matters only where all were full.
        if (inHand.size === concurrency - 1) wake();
      });
    inHand.set(mail.id, way);
  }

  /** One claim. @returns when to try again, and what may bring that forward. */
  async function round(): Promise<{ waitMs: number; isNews: () => boolean }> {
    const free = concurrency - inHand.size;
    if (free === 0) return { waitMs: FOREVER_MS, isNews: () => moreMails };
    if (isUnsure) {
      const mails = await takeBack([...inHand.keys()]);
      isUnsure = false;
      if (mails > 0) log.warn({ mails }, 'mails whose claim was not answered are in the queue again');
    }
    const { mails, waitMs, paced } = await claim(free);
    for (const mail of mails) take(mail);
    // A queue that grows while the pace holds us back is no news.
    return { waitMs, isNews: () => (paced ? newPace : moreMails) };
  }

  async function run(): Promise<void> {
    while (!stopping) {
      moreMails = false;
      newPace = false;
      try {
        const { waitMs, isNews } = await round();
        trouble = undefined;
        if (waitMs > 0) await pause(waitMs, isNews);
      } catch (error) {
        isUnsure = true;
        trouble = error instanceof Error ? error.message : String(error);
        log.error({ err: error }, 'no mail could be claimed');
        await pause(RECOVER_MS, () => false);
      }
    }
  }

  async function pause(milliseconds: number, isNews: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, milliseconds);
    endPause = () => {
      if (stopping || isNews()) resolve();
    };
    endPause();
    await promise;
    clearTimeout(timer);
  }

  const ended = run();
  return {
    wake,
    async stop() {
      stopping = true;
      endPause();
      await ended;
      await Promise.all(inHand.values());
    },
    health: () => ({ name: 'sender', background: true, ok: trouble === undefined, ...(trouble !== undefined && { detail: trouble }) }),
  };
}
