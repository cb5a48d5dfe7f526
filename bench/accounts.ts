import { readFileSync } from 'node:fs';
import { activate, latestMail, logIn, type Person, register, somebody } from '../test/e2e/client.ts';
import { dataFolder, type StoaProcess, startStoa } from '../test/e2e/stoa-process.ts';

/** A whole Stoa with room for load, and people in it. */
export async function stoaForLoad(env: Readonly<Record<string, string>> = {}) {
  const folder = await dataFolder();
  const stoa = await startStoa({
    dataDirectory: folder.path,
    env: { MAIL_RATE_PER_SECOND: '1000', RATE_LIMITS: 'off', NEW_DEVICE_NOTICE: 'off', ...env },
  });
  return {
    stoa,
    url: stoa.url,
    async [Symbol.asyncDispose]() {
      await stoa.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

export async function activePerson(url: string, person = somebody()): Promise<Person> {
  await register(url, person);
  const { code } = await latestMail(url, person.email);
  const answer = await activate(url, person, code as string);
  if (answer.status !== 200) throw new Error(`activation answered ${answer.status}`);
  return person;
}

export async function tokensOf(url: string, person: Person): Promise<{ accessToken: string; refreshToken: string; user: { id: string } }> {
  const answer = await logIn(url, person);
  if (answer.status !== 201) throw new Error(`log-in answered ${answer.status}`);
  return (await answer.json()) as never;
}

/** The database of the service users, for a floor that reads the same rows. */
export function usersDatabaseUrl({ dataDirectory }: StoaProcess): string {
  const { databaseUrl } = JSON.parse(readFileSync(`${dataDirectory}/run.json`, 'utf8')) as { databaseUrl: string };
  return Object.assign(new URL(databaseUrl), { pathname: '/stoa_users' }).href;
}
