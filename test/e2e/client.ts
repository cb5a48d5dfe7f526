import { randomBytes } from 'node:crypto';

/** A person at the product's public face, as a client would write it: paths, JSON, HTTP Basic. */
export interface Person {
  readonly email: string;
  readonly password: string;
}

export function somebody(): Person {
  const name = randomBytes(6).toString('hex');
  return { email: `${name}@example.com`, password: `pass phrase ${name}` };
}

export const register = (url: string, person: Person & { login?: string; phone?: string; fullName?: string }) =>
  post(`${url}/v1/users`, person);

export const activate = (url: string, person: Person, code: string) =>
  post(`${url}/v1/users/activation`, { code }, { authorization: basic(person) });

export const resend = (url: string, person: Person) => post(`${url}/v1/users/activation/code`, undefined, { authorization: basic(person) });

/** @param identifier e-mail address, login or phone number. */
export const logIn = (url: string, { email, password }: Person, identifier = email) => post(`${url}/v1/sessions`, { identifier, password });

export const basic = ({ email, password }: Person) => `Basic ${Buffer.from(`${email}:${password}`).toString('base64')}`;

export function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(url, {
    method: 'POST',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export interface MailboxMessage {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly receivedAt: string;
  readonly code?: string;
  readonly links?: readonly string[];
}

/** The newest mail to the address, waiting for it up to `wait`. */
export async function latestMail(url: string, to: string, wait = '10s'): Promise<MailboxMessage> {
  const answer = await fetch(`${url}/mailbox/messages/latest?to=${encodeURIComponent(to)}&wait=${wait}`);
  if (answer.status !== 200) throw new Error(`no mail to ${to}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as MailboxMessage;
}

export async function mailsTo(url: string, to: string): Promise<readonly MailboxMessage[]> {
  const answer = await fetch(`${url}/mailbox/messages?to=${encodeURIComponent(to)}`);
  return ((await answer.json()) as { items: MailboxMessage[] }).items;
}
