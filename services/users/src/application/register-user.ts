import type { Actor } from '@stoa/auth';
import { type Clock, uuidv7 } from '@stoa/service';
import { type PersonDraft, parsePerson } from '../domain/person.ts';
import { newUser, type User } from '../domain/user.ts';
import { refusedFields, taken } from '../errors.ts';
import { UNIQUE_FIELDS, type UserReader } from './account-ports.ts';
import type { Passwords } from './credential-ports.ts';
import { withDeadline } from './deadline.ts';
import { openAccountLink } from './open-account-link.ts';
import { openActivationRequest } from './open-activation-request.ts';
import type { InTransaction, KeyedMutex } from './ports.ts';

export interface RegisterUserPorts {
  readonly users: UserReader;
  readonly passwords: Passwords;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
  readonly keyedMutex: KeyedMutex;
  readonly commonPasswords: () => Promise<(lowerCased: string) => boolean>;
  readonly defaultRegion: string | undefined;
}

export interface Registrar {
  readonly actor: Actor;
  /** Registers others, who may choose their passwords themselves. */
  readonly forOthers: boolean;
}

/** @param id that of the account. One that is there already was made by an earlier try of the same request, and is the answer. */
export type RegisterUser = (draft: PersonDraft, registrar: Registrar, signal: AbortSignal, id?: string) => Promise<User>;

/**
 * Registers a person: a pending account, its first request for a code, the event that has the code mailed; without a password no
 * code, but a link to set one, which activates.
 * Requests for the same address, number or login at the same time wait here, so that a duplicate costs no hash;
 * ten seconds at most, the wait for a core among them.
 * @throws 400 `validation_failed`; 409 `email_taken`, `phone_taken`, `login_taken`, in this order; 503 `hashing_busy`.
 */
export function createRegisterUser(ports: RegisterUserPorts): RegisterUser {
  const { users, passwords, inTransaction, clock, keyedMutex, commonPasswords, defaultRegion } = ports;
  return async (draft, { actor, forOthers }, signal, id) => {
    const parsed = parsePerson(draft, {
      defaultRegion,
      limit: passwords.limit,
      isCommon: await commonPasswords(),
      passwordless: forOthers,
    });
    if ('refusals' in parsed) throw refusedFields(parsed.refusals);
    const { person } = parsed;
    const keys = UNIQUE_FIELDS.filter((field) => person[field] !== null).map((field) => `${field}:${person[field]}`);

    const register = async (signal: AbortSignal) => {
      const clash = await users.findTaken(person);
      if (clash !== undefined) throw taken(clash);
      const passwordHash = person.password === null ? null : await passwords.hash(person.password, signal);
      const now = clock.now();
      const user = newUser(id ?? uuidv7(now.getTime()), person, now);
      await inTransaction(async (tx) => {
        await tx.users.insert(user, passwordHash);
        await tx.audit.append({ action: 'user-registered', actor, subject: user.id, at: now });
        if (passwordHash === null) await openAccountLink(tx, user, 'set-password', now);
        else await openActivationRequest(tx, user, 1, now);
      });
      return user;
    };
    try {
      return await withDeadline(signal, (deadline) => keyedMutex(keys, () => register(deadline), deadline));
    } catch (error) {
      const made = id === undefined ? undefined : await users.find(id);
      if (made === undefined) throw error;
      return made;
    }
  };
}
