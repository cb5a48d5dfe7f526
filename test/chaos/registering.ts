import type { Load, Wish } from './load.ts';
import type { Ask } from './postgres-ground.ts';
import type { Work } from './scenario.ts';

export const emailOf = (name: string): string => `${name}@example.com`;

/** People who register; every other one sends an `Idempotency-Key`. Each is to have one account, one request for a code and one mail. */
export const registering: Work = {
  requestOf: (name, number) => ({
    path: '/v1/users',
    body: { email: emailOf(name), password: 'one for everybody here' },
    headers: number % 2 === 0 ? {} : { 'idempotency-key': name },
  }),
  async examine(load, ask) {
    const found = { accounts: await accountsOf(load.batch, ask), mails: await mailsOf(load.batch, ask) };
    const [lost, twice]: [string[], string[]] = [[], []];
    for (const wish of load.wishes) compare(wish, found, lost, twice);
    return { lost, twice, wrong: strangers(load, found.accounts) };
  },
};

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

function compare({ name, accepted, found }: Wish, { accounts, mails }: Found, lost: string[], twice: string[]): void {
  const email = emailOf(name);
  const account = accounts.get(email);
  const own = mails.get(email) ?? [];
  if (accepted === undefined && !found && account === undefined) {
    // Nothing was promised, nothing was done: a client that gave up. The caller decides whether that is allowed.
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

/** Accounts that exist although no client got an answer from which it can know that. */
function strangers(load: Load, accounts: Found['accounts']): string[] {
  const known = new Set(load.wishes.filter(({ accepted, found }) => accepted || found).map(({ name }) => emailOf(name)));
  return [...accounts.keys()].filter((email) => !known.has(email)).map((email) => `${email}: an account without a 201`);
}
