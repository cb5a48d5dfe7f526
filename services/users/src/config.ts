import { type Static, Type } from 'typebox';

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
  BCRYPT_COST: Type.Integer({ default: 12, minimum: 10, maximum: 16, description: 'Cost of a password hash; each step doubles it.' }),
  HASH_QUEUE_MAX: Type.Integer({
    default: 128,
    minimum: 0,
    description: 'Passwords that may wait for a free core; more are answered 503 at once.',
  }),
  RATE_LIMITS: Type.Enum(['on', 'off'], { default: 'on', description: 'Limits per client address. Budgets per account stay on.' }),
  REGISTRATIONS_PER_HOUR: limit('Registrations of one client address in an hour.', 300),
  FAILURES_PER_MINUTE: limit('Wrong credentials and codes of one client address in a minute.', 60),
  RESENDS_PER_HOUR: limit('New codes that one client address asks for in an hour.', 60),
});

export type UsersConfig = Static<typeof usersConfig>;
