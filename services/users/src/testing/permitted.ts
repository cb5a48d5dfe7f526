import { randomBytes } from 'node:crypto';
import type { Permission } from '@stoa/contracts';
import { administrationOf } from './administration.ts';
import { type LoggedIn, peopleOf } from './people.ts';
import { somebody, type UsersUnderTest } from './users-under-test.ts';

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** Callers who may do some things: administrators, people with a role of their own, service accounts. */
export const permittedOf = (users: UsersUnderTest) => ({
  /** Any request with an access token or an API key. */
  ask: (token: string | undefined, method: Method, url: string, payload?: object, headers: Record<string, string> = {}) =>
    users.http.inject({
      method,
      url,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(payload && { payload }),
    }),
  async admin(): Promise<LoggedIn> {
    const person = somebody();
    await administrationOf(users).makeAdministrator(person.email, person.password);
    const answer = await peopleOf(users).logIn(person);
    const { accessToken, refreshToken, user } = answer.json();
    return { ...person, id: user.id, accessToken, refreshToken };
  },
  /** A person with a role of exactly these permissions, which is given by `admin`. */
  async personWith(admin: LoggedIn, permissions: readonly Permission[]): Promise<LoggedIn & { readonly role: string }> {
    const person = await peopleOf(users).active();
    const role = await this.roleWith(admin, permissions);
    const given = await this.ask(admin.accessToken, 'PUT', `/v1/users/${person.id}/roles`, { roles: ['user', role] });
    if (given.statusCode !== 200) throw new Error(`giving the role answered ${given.body}`);
    const { accessToken, refreshToken } = (await peopleOf(users).logIn(person)).json();
    return { ...person, role, accessToken, refreshToken };
  },
  async roleWith(admin: LoggedIn, permissions: readonly Permission[]): Promise<string> {
    const name = `r${randomBytes(6).toString('hex')}`;
    const answer = await this.ask(admin.accessToken, 'POST', '/v1/roles', { name, permissions });
    if (answer.statusCode !== 201) throw new Error(`the role was answered ${answer.body}`);
    return name;
  },
  /** @returns its API key. */
  async keyWith(admin: LoggedIn, permissions: readonly Permission[]): Promise<string> {
    const name = `service ${randomBytes(6).toString('hex')}`;
    const answer = await this.ask(admin.accessToken, 'POST', '/v1/service-accounts', { name, permissions });
    if (answer.statusCode !== 201) throw new Error(`the service account was answered ${answer.body}`);
    return answer.json().apiKey;
  },
});
