import { join, resolve } from 'node:path';
import { activate, latestMail, logIn, type Person, register, somebody } from './client.ts';
import { spawnStoa } from './stoa-process.ts';

const MAIN = resolve(import.meta.dirname, '../../apps/server/src/main.ts');

/** Somebody with an account, and what proves it. */
export interface LoggedIn extends Person {
  readonly id: string;
  readonly authorization: string;
}

/** Registers a person, activates by the mail, and logs in. */
export async function loggedIn(url: string, more: { readonly fullName?: string } = {}): Promise<LoggedIn> {
  const person = await activePerson(url, more);
  return await enter(url, person);
}

/** The same without the last step. */
export async function activePerson(url: string, more: { readonly fullName?: string } = {}): Promise<Person> {
  const person = { ...somebody(), ...more };
  await expectStatus(201, register(url, person));
  const { code } = await latestMail(url, person.email);
  await expectStatus(200, activate(url, person, code as string));
  return person;
}

/** An administrator, made as an operator makes one: by the command line. */
export async function administrator({ url, dataDirectory }: { readonly url: string; readonly dataDirectory: string }): Promise<LoggedIn> {
  const person = somebody();
  const command = spawnStoa({
    dataDirectory,
    env: { STOA_ADMIN_PASSWORD: person.password },
    command: [process.execPath, MAIN, 'admin', 'create', '--email', person.email],
    cwd: join(dataDirectory, '..'),
  });
  if ((await command.exited) !== 0) throw new Error(command.output());
  return await enter(url, person);
}

export async function enter(url: string, person: Person): Promise<LoggedIn> {
  const answer = await expectStatus(201, logIn(url, person));
  const { accessToken, user } = (await answer.json()) as { accessToken: string; user: { id: string } };
  return { ...person, id: user.id, authorization: `Bearer ${accessToken}` };
}

async function expectStatus(status: number, asked: Promise<Response>): Promise<Response> {
  const answer = await asked;
  if (answer.status !== status) throw new Error(`${answer.status}, not ${status}: ${await answer.text()}`);
  return answer;
}
