import { type Static, Type } from 'typebox';
import { ARGON2_MOST, type Hasher, MAX_BCRYPT_COST } from './domain/imported-hash.ts';

const limit = (description: string, standard: number) =>
  Type.Integer({ default: standard, minimum: 0, description: `${description} 0: no limit.` });

/** The variables of users. */
export const usersConfig = Type.Object({
  CODE_LENGTH: Type.Integer({ default: 4, minimum: 4, maximum: 8, description: 'Digits of an activation code.' }),
  CODE_TTL_SECONDS: Type.Integer({ default: 60, minimum: 10, maximum: 900, description: 'How long a code lives after its mail has left.' }),
  PENDING_USER_TTL_HOURS: Type.Integer({
    default: 24,
    // With less, registering anew would give an address more codes than the ten of a day.
    minimum: 24,
    description: 'When an account that was never activated is removed, counted from its last code.',
  }),
  PHONE_DEFAULT_REGION: Type.Optional(
    Type.String({
      pattern: '^[A-Z]{2}$',
      expected: 'a country by ISO 3166-1, like DE',
      description: 'Country in which phone numbers without + or 00 are read; unset: they are refused.',
    }),
  ),
  PASSWORD_HASHER: Type.Enum(['bcrypt', 'argon2id'], {
    default: 'bcrypt',
    description: 'What new passwords are hashed by. Older hashes are read all the same, and made anew at the next log-in.',
  }),
  BCRYPT_COST: Type.Integer({
    default: 12,
    minimum: 10,
    maximum: MAX_BCRYPT_COST,
    description: 'Cost of a hash by bcrypt; each step doubles it.',
  }),
  // The least that OWASP names for argon2id; its other choices have more memory or more passes.
  ARGON2_MEMORY_KIB: Type.Integer({
    default: 19_456,
    minimum: 19_456,
    maximum: ARGON2_MOST.memoryKib,
    description: 'Memory of a hash by argon2id in KiB; as many hashes as there are cores are made at a time.',
  }),
  ARGON2_PASSES: Type.Integer({
    default: 2,
    minimum: 2,
    maximum: ARGON2_MOST.passes,
    description: 'How often argon2id goes over its memory.',
  }),
  ARGON2_PARALLELISM: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: ARGON2_MOST.parallelism,
    description: 'Threads of one hash by argon2id. More than 1 is faster for one person, not for many at a time.',
  }),
  HASH_QUEUE_MAX: Type.Integer({
    default: 128,
    minimum: 0,
    description: 'Passwords that may wait for a free core; more are answered 503 at once.',
  }),
  SESSION_POLICY: Type.Enum(['many', 'single'], {
    default: 'many',
    description: 'Whether a person may be logged in on many devices, or a new log-in ends the earlier ones.',
  }),
  SESSIONS_PER_USER_MAX: Type.Integer({
    default: 100,
    minimum: 1,
    maximum: 10_000,
    description: 'Live sessions that an account may have; a log-in beyond it ends the oldest.',
  }),
  SESSION_IDLE_DAYS: Type.Integer({ default: 14, minimum: 1, maximum: 365, description: 'When a session that is not used ends.' }),
  SESSION_MAX_DAYS: Type.Integer({ default: 90, minimum: 1, maximum: 730, description: 'When a session ends in any case.' }),
  NEW_DEVICE_NOTICE: Type.Enum(['on', 'off'], {
    default: 'on',
    description: 'Whether a person gets a mail when a device logs in that was not seen before.',
  }),
  RATE_LIMITS: Type.Enum(['on', 'off'], { default: 'on', description: 'Limits per client address. Budgets per account stay on.' }),
  REGISTRATIONS_PER_HOUR: limit('Registrations of one client address in an hour.', 300),
  FAILURES_PER_MINUTE: limit('Wrong credentials, codes and links of one client address in a minute.', 60),
  PASSWORD_RESETS_PER_HOUR: limit('Links to a new password that one client address asks for in an hour.', 60),
  RESENDS_PER_HOUR: limit('New codes that one client address asks for in an hour.', 60),
});

export type UsersConfig = Static<typeof usersConfig>;

export const hasherOf = (config: UsersConfig): Hasher =>
  config.PASSWORD_HASHER === 'bcrypt'
    ? { algorithm: 'bcrypt', cost: config.BCRYPT_COST }
    : {
        algorithm: 'argon2id',
        memoryKib: config.ARGON2_MEMORY_KIB,
        passes: config.ARGON2_PASSES,
        parallelism: config.ARGON2_PARALLELISM,
      };
