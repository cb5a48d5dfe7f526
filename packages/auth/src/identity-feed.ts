import { named } from '@stoa/service';
import { type Static, Type } from 'typebox';

// An answer may have more than this process knows (decision 38), but no revocation of a kind that it does not know: it refuses that.
const Revocation = Type.Union([
  /** Every token of one session is dead. */
  Type.Object({ kind: Type.Literal('session'), id: Type.String(), expiresAt: Type.Integer() }),
  /** Every token of one person that is older than `version` is dead. */
  Type.Object({ kind: Type.Literal('user'), id: Type.String(), version: Type.Integer(), expiresAt: Type.Integer() }),
]);

/** What rarely changes. */
const IdentityState = Type.Object({
  keys: Type.Array(Type.Object({ kty: Type.Literal('OKP'), crv: Type.Literal('Ed25519'), x: Type.String(), kid: Type.String() })),
  /** The permissions of each role. */
  roles: Type.Record(Type.String(), Type.Array(Type.String())),
  serviceAccounts: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      /** SHA-256 of the API key, base64url. */
      digest: Type.String(),
      permissions: Type.Array(Type.String()),
      /** Milliseconds since 1970, or never. */
      expiresAt: Type.Union([Type.Integer(), Type.Null()]),
    }),
  ),
});

/** The longest cursor: a snapshot with some 800 transactions open at a time, each with as many digits as there are. */
export const CURSOR_MAX_LENGTH = 16_384;

/** The question, a long poll: `POST /internal/identity` of the service users answers once there is a change, or after `HOLD_SECONDS`. */
export const IdentityQuestion = named(
  'IdentityQuestion',
  Type.Object(
    {
      /**
       * From the previous answer; absent in the first question. A snapshot of PostgreSQL, `xmin:xmax:xip,…`: what it sees has been
       * reported. A number alone, as the previous version sends it, is a transaction: all before it has been reported.
       */
      cursor: Type.Optional(
        Type.String({ pattern: '^[0-9]{1,20}(:[0-9]{1,20}:([0-9]{1,20}(,[0-9]{1,20})*)?)?$', maxLength: CURSOR_MAX_LENGTH }),
      ),
      version: Type.Optional(Type.String({ maxLength: 64 })),
      /** Whether an answer without changes may be held. */
      wait: Type.Boolean(),
      /** Service accounts whose keys were used since the last question. */
      used: Type.Array(Type.String({ format: 'uuid' }), { maxItems: 1_000 }),
    },
    { additionalProperties: false },
  ),
);

export const IdentityAnswer = named(
  'IdentityAnswer',
  Type.Object({
    /** In the form of the question's; a number in the answer to the first, and where a snapshot would be too long. */
    cursor: Type.String(),
    version: Type.String(),
    /** Absent when it is that of `version` still. */
    state: Type.Optional(IdentityState),
    /** Some may have been in an answer before. `expiresAt` in milliseconds since 1970: no token that it concerns lives longer. */
    revocations: Type.Array(Revocation),
  }),
);

export type Revocation = Static<typeof Revocation>;
export type IdentityState = Static<typeof IdentityState>;
export type IdentityQuestion = Static<typeof IdentityQuestion>;
export type IdentityAnswer = Static<typeof IdentityAnswer>;

/** How long a question without changes is held. */
export const HOLD_SECONDS = 10;
