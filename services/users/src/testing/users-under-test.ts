import { randomBytes } from 'node:crypto';
import { type CopyOptions, startTestService } from '@stoa/kit/testing';
import { type Environment, fakeClock } from '@stoa/service';
import { sql } from 'kysely';
import type { UsersConfig } from '../config.ts';
import { users } from '../index.ts';
import type { UsersTables } from '../infrastructure/tables.ts';

export { tally, times } from '@stoa/kit/testing';

type OwnParts = CopyOptions<UsersConfig, UsersTables>;

export interface Person {
  readonly email: string;
  readonly password: string;
}

/** A person whom no other test knows. */
export function somebody(): Person {
  const name = randomBytes(6).toString('hex');
  return { email: `${name}@example.com`, password: `pass phrase ${name}` };
}

export const basic = ({ email, password }: Person) => `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`;

/** The service with a clock that stands still, cheap passwords, and what tests of users ask of it most. */
export async function usersUnderTest(environment: Environment = {}, { bcryptCost = 4, ...copy }: { bcryptCost?: number } & OwnParts = {}) {
  const service = await startTestService(users, {
    environment,
    // Below what the environment may say: cost is what few tests need.
    configure: (config) => ({ ...config, BCRYPT_COST: bcryptCost }),
    clock: fakeClock(new Date('2026-11-21T09:00:00Z')),
    saysWhoHasAccess: true,
    copy,
  });
  const { database, otherService } = service;
  const { query } = database;

  const post = (url: string, body?: unknown, headers: Record<string, string> = {}) => service.send('POST', url, { body, headers });
  const mint = (requestId: string) =>
    service.send('POST', '/internal/activation-codes', { as: otherService('mailer'), body: { requestId } });
  const requestsOf = async ({ email }: Person): Promise<string[]> => {
    const { rows } = await sql<{ id: string }>`
      select data->>'requestId' as id from outbox_events where type = 'activation-requested' and data->>'email' = ${email} order by outbox_events.id`.execute(
      query,
    );
    return rows.map(({ id }) => id);
  };
  const audit = (subject: string) =>
    query.selectFrom('audit').selectAll().where('subject', '=', subject).orderBy('at').orderBy('id').execute();

  return {
    ...service,
    /** One more copy, which only answers. It shares no mutex; of limits and codes it shares what is given. */
    another: (own: OwnParts = {}) => service.start({ runsBackgroundWork: false, ...own }),
    post,
    mint,
    requestsOf,
    register: (body: object) => post('/v1/users', body),
    activate: (person: Person, code: string) => post('/v1/users/activation', { code }, { authorization: basic(person) }),
    resend: (person: Person) => post('/v1/users/activation/code', undefined, { authorization: basic(person) }),
    /** A person who has registered and whose newest mail has left. */
    async registered(person = somebody()) {
      const { id } = (await post('/v1/users', person)).json();
      return { ...person, id: id as string, code: await this.codeOf(person) };
    },
    /** What the mailer does with the newest request. */
    async codeOf(person: Person): Promise<string> {
      const answer = await mint((await requestsOf(person)).at(-1) as string);
      return answer.json().code;
    },
    /** As if each answer to an Idempotency-Key had been lost between its commit and its client. */
    loseAnswers: () => sql`update idempotency_keys set answer = null, lease_until = 'epoch'`.execute(query),
    audit,
    /** What was done to it, in order. */
    actionsOn: async (subject: string) => (await audit(subject)).map(({ action }) => action),
  };
}

export type UsersUnderTest = Awaited<ReturnType<typeof usersUnderTest>>;

/** A code of the same length that is not `code`. */
export const wrong = (code: string): string => `${code.slice(0, -1)}${(Number(code.at(-1)) + 1) % 10}`;
