import { userProfileChanged } from '@stoa/contracts';
import type { Outbox } from '@stoa/messaging';
import { profileToTell } from '../domain/public-profile.ts';
import type { User } from '../domain/user.ts';
import type { UserWriter } from './ports.ts';

/**
 * The writer of one transaction, which tells the other services what people are called as it writes it: no use case that makes an
 * account active, or names it otherwise, can forget to. What others know already is what the account was under its lock, so one that
 * was not locked is not saved.
 */
export function tellingUsers(users: UserWriter, outbox: Outbox): UserWriter {
  const known = new Map<string, User>();

  async function written(user: User): Promise<void> {
    const profile = profileToTell(known.get(user.id), user);
    known.set(user.id, user);
    if (profile !== undefined) await outbox.append(userProfileChanged, profile);
  }

  return {
    ...users,
    async insert(user, passwordHash) {
      await users.insert(user, passwordHash);
      await written(user);
    },
    async lock(id) {
      const user = await users.lock(id);
      if (user !== undefined) known.set(id, user);
      return user;
    },
    async lockAccount(id) {
      const account = await users.lockAccount(id);
      if (account !== undefined) known.set(id, account.user);
      return account;
    },
    async save(user) {
      if (!known.has(user.id)) throw new Error(`the account ${user.id} was to be saved without its lock`);
      await users.save(user);
      await written(user);
    },
  };
}
