import { type Person, somebody, type UsersUnderTest } from './users-under-test.ts';

export interface LoggedIn extends Person {
  readonly id: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** People as a client meets them: with an active account and tokens of their own. */
export const peopleOf = (users: UsersUnderTest) => ({
  async active(person = somebody()): Promise<Person & { readonly id: string }> {
    const { id, code } = await users.registered(person);
    const answer = await users.activate(person, code);
    if (answer.statusCode !== 200) throw new Error(`activation answered ${answer.body}`);
    return { ...person, id };
  },
  /** @param device what the client calls itself. */
  logIn: ({ email, password }: Person, device = 'tests') =>
    users.post('/v1/sessions', { identifier: email, password }, { 'user-agent': device }),
  async loggedIn(person?: Person): Promise<LoggedIn> {
    const active = await this.active(person);
    const answer = await this.logIn(active);
    if (answer.statusCode !== 201) throw new Error(`log-in answered ${answer.body}`);
    return { ...active, ...tokensOf(answer) };
  },
  /** An administrator without protection. */
  async administrator(person = somebody()): Promise<LoggedIn> {
    const active = await this.active(person);
    await users.database.query
      .updateTable('users')
      .set({ roles: ['user', 'admin'] })
      .where('id', '=', active.id)
      .execute();
    return { ...active, ...tokensOf(await this.logIn(active)) };
  },
  refresh: (refreshToken: string) => users.post('/v1/sessions/refresh', { refreshToken }),
  /** A request with an access token; `/v1/sessions` answers every caller that is admitted. */
  as: (accessToken: string, method: 'GET' | 'DELETE' | 'PUT' | 'PATCH' | 'POST' = 'GET', url = '/v1/sessions', payload?: object) =>
    users.http.inject({ method, url, headers: { authorization: `Bearer ${accessToken}` }, ...(payload && { payload }) }),
});

export function tokensOf(answer: { json(): unknown }): { accessToken: string; refreshToken: string } {
  const { accessToken, refreshToken } = answer.json() as { accessToken: string; refreshToken: string };
  return { accessToken, refreshToken };
}

/** What an access token says. */
export const claimsOf = (accessToken: string) => JSON.parse(Buffer.from(accessToken.split('.')[1] as string, 'base64url').toString());
