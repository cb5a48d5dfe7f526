import { serviceCredential } from '@stoa/auth';
import { type AccountLinkRequested, accountLinkRequested } from '@stoa/contracts';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import type { UsersUnderTest } from './users-under-test.ts';

/** Mails with links, as the mailer sees them. */
export const linksOf = (users: UsersUnderTest) => ({
  /** What was asked for at this address, oldest first, once the jobs that were asked for are done. */
  async requests(email: string): Promise<AccountLinkRequested[]> {
    await eventually(async () => {
      const { rows } = await sql`select from inbox where type = 'mail-password-reset' and status <> 'done'`.execute(users.database.query);
      if (rows.length > 0) throw new Error('a job is still to be done');
    });
    const { rows } = await sql<{ data: AccountLinkRequested }>`
      select data from outbox_events where type = ${accountLinkRequested.name} and data->>'email' = ${email} order by outbox_events.id`.execute(
      users.database.query,
    );
    return rows.map(({ data }) => data);
  },
  mint: (requestId: string) =>
    users.post('/internal/account-links', { requestId }, { authorization: serviceCredential(users.derive, 'mailer') }),
  /** The token of the newest link that was asked for at this address: its mail leaves now. */
  async tokenFor(email: string): Promise<string> {
    const request = (await this.requests(email)).at(-1);
    if (request === undefined) throw new Error(`no link was asked for at ${email}`);
    const answer = await this.mint(request.requestId);
    if (answer.statusCode !== 200) throw new Error(`minting answered ${answer.body}`);
    return answer.json().token;
  },
  askForReset: (email: string) => users.post('/v1/password-resets', { email }),
  /** @returns the token of a reset that is asked for now. */
  async reset(email: string): Promise<string> {
    await this.askForReset(email);
    return await this.tokenFor(email);
  },
  confirm: (token: unknown, password: string) => users.post('/v1/password-resets/confirm', { token, password }),
});
