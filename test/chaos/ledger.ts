import { eventually } from '@stoa/service/testing';
import type { Load, Registration } from './load.ts';
import type { Ask } from './postgres-ground.ts';

/** What a batch of registrations came to, over all clients, processes and servers. */
export interface Ledger {
  readonly sent: number;
  /** Answered 201. */
  readonly accepted: number;
  /** Answers 503 that were as they should be; each was repeated. */
  readonly refusals: number;
  /** Which problems they were. */
  readonly codes: readonly string[];
  /** Requests that got no answer. */
  readonly broken: number;
  /** Connections that no gateway took. */
  readonly unreached: number;
  /** Accounts whose 201 nobody saw: the answer broke off, or was a 503 that did not know better. */
  readonly answersLost: number;
  /** Promised and not kept: an account without its mail, or none at all. */
  readonly lost: readonly string[];
  /** Done twice: accounts, requests for a code, mails; copies that the audit knows nothing of. */
  readonly twice: readonly string[];
  /** Neither promised nor lost on the way; answers that are none; dead letters. */
  readonly wrong: readonly string[];
  /** The longest time in which nobody got a 201, as long as new ones came. */
  readonly gapMs: number;
  /** From the last answer to the last mail. */
  readonly drainedMs: number;
}

const DRAIN_LIMIT_MS = 400_000;

/** Waits until the house has nothing left to do, then holds what the clients were told against what both databases say. */
export async function settleLedger(load: Load, ask: Ask): Promise<Ledger> {
  const begun = performance.now();
  await eventually(() => expectDrained(ask), { timeoutMs: DRAIN_LIMIT_MS, intervalMs: 200 });
  const drainedMs = performance.now() - begun;
  const found = { accounts: await accountsOf(load.batch, ask), mails: await mailsOf(load.batch, ask) };
  const [lost, twice, wrong]: [string[], string[], string[]] = [
    [],
    [],
    [...(await strangers(load, found.accounts)), ...(await deadLetters(ask))],
  ];
  for (const registration of load.registrations) {
    compare(registration, found, lost, twice);
    for (const answer of registration.wrong) wrong.push(`${registration.email}: ${answer}`);
  }
  const sum = (count: (registration: Registration) => number) => load.registrations.reduce((total, one) => total + count(one), 0);
  return {
    sent: load.registrations.length,
    accepted: sum(({ accepted }) => (accepted ? 1 : 0)),
    refusals: sum(({ refusals }) => refusals),
    codes: [...new Set(load.registrations.flatMap(({ codes }) => [...codes]))],
    broken: sum(({ broken }) => broken.length),
    unreached: sum(({ unreached }) => unreached),
    answersLost: sum(({ found: there }) => (there ? 1 : 0)),
    lost,
    twice,
    wrong,
    gapMs: longestGap(load.registrations),
    drainedMs,
  };
}

/** Nothing waits to leave, nothing waits to be handled, no mail waits or is on its way. */
async function expectDrained(ask: Ask): Promise<void> {
  const [users] = await ask<{ unsent: number; jobs: number }>(
    'users',
    `select (select count(*)::int from outbox where sent_at is null) as unsent, (select count(*)::int from inbox where status = 'pending') as jobs`,
  );
  const [mailer] = await ask<{ unsent: number; pending: number; mails: number }>(
    'mailer',
    `select (select count(*)::int from outbox where sent_at is null) as unsent, (select count(*)::int from inbox where status = 'pending') as pending,
       (select count(*)::int from mails where status in ('queued', 'sending')) as mails`,
  );
  const left = { users, mailer };
  if ([...Object.values(users ?? {}), ...Object.values(mailer ?? {})].some((count) => count > 0)) {
    throw new Error(`the house is not drained: ${JSON.stringify(left)}`);
  }
}

interface Account {
  readonly id: string;
  readonly email: string;
  readonly requests: number;
}

interface Mail {
  readonly id: string;
  readonly recipient: string;
  readonly status: string;
  readonly request: string;
  readonly attempts: number;
  /** Under its own Message-ID. */
  readonly copies: number;
  /** To the same person, under whatever Message-ID. */
  readonly received: number;
}

interface Found {
  readonly accounts: ReadonlyMap<string, Account>;
  readonly mails: ReadonlyMap<string, readonly Mail[]>;
}

async function accountsOf(batch: string, ask: Ask): Promise<Found['accounts']> {
  const rows = await ask<Account>(
    'users',
    `select users.id, email, (select count(*)::int from activation_requests where user_id = users.id) as requests from users where email like $1`,
    [`${batch}-%`],
  );
  return new Map(rows.map((row) => [row.email, row]));
}

async function mailsOf(batch: string, ask: Ask): Promise<Found['mails']> {
  const rows = await ask<Mail>(
    'mailer',
    `select id, recipient, status, code_request_id as request,
       (select count(*)::int from attempts where mail_id = mails.id) as attempts,
       (select count(*)::int from mailbox_messages where recipients @> array[recipient] and message_id = mails.message_id) as copies,
       (select count(*)::int from mailbox_messages where recipients @> array[recipient]) as received
     from mails where recipient like $1`,
    [`${batch}-%`],
  );
  return Map.groupBy(rows, ({ recipient }) => recipient);
}

function compare({ email, accepted, found }: Registration, { accounts, mails }: Found, lost: string[], twice: string[]): void {
  const account = accounts.get(email);
  const own = mails.get(email) ?? [];
  if (accepted === undefined && !found && account === undefined) {
    // Nothing was promised, nothing was done: a client that lost its patience. The caller decides whether that may be.
    if (own.length > 0) twice.push(`${email}: ${own.length} mails without an account`);
    return;
  }
  if (account === undefined) return void lost.push(`${email}: promised, and there is no account`);
  if (accepted !== undefined && accepted.id !== account.id) twice.push(`${email}: answered ${accepted.id}, stored ${account.id}`);
  if (account.requests !== 1) twice.push(`${email}: ${account.requests} requests for a code`);
  const [mail] = own;
  if (mail === undefined) return void lost.push(`${email}: no mail`);
  if (own.length > 1) twice.push(`${email}: ${own.length} mails`);
  if (mail.status !== 'sent') lost.push(`${email}: the mail is ${mail.status}`);
  else if (mail.copies === 0) lost.push(`${email}: the mail is said to be sent, and did not arrive`);
  if (mail.copies > mail.attempts) twice.push(`${email}: ${mail.copies} copies, ${mail.attempts} attempts`);
  if (mail.received > mail.copies) twice.push(`${email}: ${mail.received - mail.copies} copies under another Message-ID`);
}

/** Accounts that nobody was told of and nobody can know of. */
async function strangers(load: Load, accounts: Found['accounts']): Promise<string[]> {
  const known = new Set(load.registrations.filter(({ accepted, found }) => accepted || found).map(({ email }) => email));
  return [...accounts.keys()].filter((email) => !known.has(email)).map((email) => `${email}: an account without a 201`);
}

async function deadLetters(ask: Ask): Promise<string[]> {
  const dead: string[] = [];
  for (const service of ['users', 'mailer'] as const) {
    const rows = await ask<{ box: string; type: string; reason: string }>(service, 'select box, type, reason from dead_letters limit 20');
    dead.push(...rows.map(({ box, type, reason }) => `${service}: dead in the ${box}: ${type}: ${reason}`));
  }
  return dead;
}

/** As long as new ones came: at the end those are left who wait for what a dead process holds for them. */
function longestGap(registrations: readonly Registration[]): number {
  const end = registrations.at(-1)?.begunAt ?? 0;
  const times = registrations
    .flatMap(({ accepted }) => (accepted && accepted.at <= end ? [accepted.at] : []))
    .sort((one, other) => one - other);
  return [...times, end].reduce((longest, at, index, all) => Math.max(longest, at - (all[index - 1] ?? at)), 0);
}
