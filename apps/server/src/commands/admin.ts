import { text } from 'node:stream/consumers';
import type { Environment } from '@stoa/service';
import { StartProblem } from '../start-problem.ts';
import { type UsersVisit, visitUsers } from './visit-users.ts';

export interface AdminOptions {
  readonly email?: string;
  readonly 'password-stdin'?: boolean;
}

const USAGE = 'stoa admin create --email name@example.com, or: stoa admin unprotect --email name@example.com';

/**
 * `create`: an administrator whom nobody can delete, demote or block; its password comes from standard input or STOA_ADMIN_PASSWORD,
 * else a link to set it is printed. `unprotect`: takes that protection away.
 */
export async function admin(environment: Environment, [action]: readonly string[], options: AdminOptions): Promise<void> {
  const { email } = options;
  if (action !== 'create' && action !== 'unprotect') throw new StartProblem('The action must be create or unprotect.', USAGE, 64);
  if (email === undefined) throw new StartProblem('The e-mail address of the account is missing.', USAGE, 64);
  const password = action === 'create' ? await passwordOf(environment, options) : undefined;
  await visitUsers(environment, (visit) => (action === 'create' ? create(visit, email, password) : unprotect(visit, email)));
}

async function passwordOf(environment: Environment, options: AdminOptions): Promise<string | undefined> {
  if (!options['password-stdin']) return environment['STOA_ADMIN_PASSWORD'];
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  if (password === '') throw new StartProblem('There is no password on standard input.', 'printf %s "$PASSWORD" | stoa admin create …', 64);
  return password;
}

async function create({ administration, publicUrl }: UsersVisit, typed: string, password: string | undefined) {
  const made = await administration.makeAdministrator(typed, password);
  const { email } = made;
  switch (made.outcome) {
    case 'created':
      return console.log(`${email} is an administrator now, and protected.`);
    case 'invited':
      return console.log(
        [
          `${email} is an administrator as soon as this link sets a password. It works once, until ${made.expiresAt.toISOString()}:`,
          `${publicUrl}/account/set-password#token=${made.token}`,
        ].join('\n'),
      );
    case 'appointed':
      console.log(`${email} ${made.isChanged ? 'is an administrator now, and protected' : 'was a protected administrator before'}.`);
      return console.log('The account existed already, and its password stays as it was.');
    case 'refused':
      throw made.status === 'blocked'
        ? new StartProblem(
            `The account ${email} is blocked.`,
            'Have an administrator unblock it first: POST /v1/users/{id}/unblock. Or use another address.',
            65,
          )
        : new StartProblem(
            `The account ${email} is not activated: somebody has registered the address, and it may be somebody else.`,
            'The owner of this address can reset the password at /account/forgot-password, which activates the account; then repeat. Or use another address.',
            65,
          );
  }
}

async function unprotect({ administration }: UsersVisit, email: string) {
  switch (await administration.unprotect(email)) {
    case 'done':
      return console.log(`${email} is no longer protected: other administrators can demote, block and delete the account.`);
    case 'not-protected':
      return console.log(`${email} was not protected.`);
    case 'unknown':
      throw new StartProblem(`There is no account with the address ${email}.`, 'Check how it is written.', 66);
  }
}
