import type { LeasedWorkUnderTest } from '@stoa/tasks/testing';
import { QUEUE_CHANNEL } from '../queue-mail.ts';
import { MOST_CRASHES } from '../sending/retry-policy.ts';
import type { AttemptStatus, MailStatus } from '../tables.ts';
import { sendingFixture } from './sending-fixture.ts';

const STATES: Partial<Record<MailStatus, 'queued' | 'running' | 'done' | 'given up'>> = {
  queued: 'queued',
  sending: 'running',
  sent: 'done',
  unknown: 'given up',
};
const ATTEMPTS: Record<AttemptStatus, 'running' | 'done' | 'failed' | 'unknown'> = {
  sending: 'running',
  sent: 'done',
  failed: 'failed',
  unknown: 'unknown',
};

/** Mails, called by their recipients, for the contract of leased work. */
export async function mailsUnderContract(): Promise<LeasedWorkUnderTest> {
  const system = await sendingFixture();
  const { database, smtp } = system;
  const program = new URL('./killed-sender.ts', import.meta.url).pathname;
  const mails = () => database.query.updateTable('mails');

  return {
    db: database.query,
    group: { name: 'mailer', table: 'instances' },
    mostCrashes: MOST_CRASHES,
    program: [program, system.url, smtp.url],
    queue: async (count) => (await system.queue(count)).map(({ recipient }) => recipient),
    queueFor: async (instance) => (await system.queueFor(instance))[0]?.recipient ?? '',
    behave: smtp.behave,
    answer: smtp.answer,
    callsOf: (recipient) => system.receivedBy(recipient).map(({ messageId }) => messageId ?? ''),
    hanging: smtp.hanging,
    attemptsOf: async (recipient) => (await system.attempts(recipient)).map(({ status }) => ATTEMPTS[status]),
    async stateOf(recipient) {
      const { status, owner } = await system.mail(recipient);
      const state = STATES[status];
      if (state === undefined) throw new Error(`the mail is ${status}`);
      return { status: state, owner };
    },
    setCrashes: async (recipient, count) => void (await mails().set({ unknowns: count }).where('recipient', '=', recipient).execute()),
    async takeAway(recipient) {
      await mails().set({ status: 'queued', owner: null }).where('recipient', '=', recipient).execute();
      database.notify(QUEUE_CHANNEL);
    },
    start: ({ concurrency, ...settings } = {}) =>
      system.startSender({ ...settings, ...(concurrency !== undefined && { connections: concurrency }) }),
    [Symbol.asyncDispose]: system[Symbol.asyncDispose],
  };
}
