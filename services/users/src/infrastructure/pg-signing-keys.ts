import { generateSigningKey, openSigningKey, type PublicKey, signAccessToken, type TokenSigningKey } from '@stoa/auth';
import type { Database } from '@stoa/postgres';
import { AppError, type Clock, createSealing, type DeriveKey, uuidv7 } from '@stoa/service';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { AccessTokens } from '../application/session-ports.ts';
import { ACCESS_TOKEN_SECONDS } from '../domain/session.ts';
import type { UsersTables } from './tables.ts';

/** A new key signs when every process knows it: one that learns nothing for so long admits nobody anyway. */
const HEARD_MS = 30_000;
/** How often a signer looks for a newer key. */
const LOOK_AGAIN_MS = 5_000;

export interface SigningKeys extends AccessTokens {
  /** Makes the first key where there is none. */
  ensure(): Promise<void>;
  /** Makes a key that takes over signing as soon as all know it; the earlier one verifies until its last token is over. */
  rotate(tx: Transaction<UsersTables>): Promise<{ readonly kid: string; readonly signsFrom: Date }>;
}

/** Ed25519 keys in the database, the private halves sealed. */
export function createPgSigningKeys(database: Database<UsersTables>, derive: DeriveKey, clock: Clock): SigningKeys {
  const sealing = createSealing(derive('signing-keys'));
  let current: { key: Promise<TokenSigningKey>; kid: string; lookAgainAt: number } | undefined;

  async function insert(tx: Transaction<UsersTables>, now: Date, usableFrom: Date): Promise<string> {
    const { kid, publicKey, privateKey } = await generateSigningKey();
    const sealed = sealing.seal(Buffer.from(privateKey), kid);
    await tx
      .insertInto('signing_keys')
      .values({ kid, public_key: publicKey, sealed_private_key: sealed, created_at: now, usable_from: usableFrom })
      .execute();
    return kid;
  }

  /** The key that signs now. Looked up again every few seconds, so that a rotation needs no restart. */
  async function signing(now: Date): Promise<TokenSigningKey> {
    if (current !== undefined && now.getTime() < current.lookAgainAt) return await current.key;
    const row = await database.query
      .selectFrom('signing_keys')
      .select(['kid', 'sealed_private_key'])
      .where('usable_from', '<=', now)
      .orderBy('usable_from', 'desc')
      .orderBy('kid')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) throw new AppError('unavailable', 'service_unavailable', { message: 'There is no key to sign with yet.' });
    const lookAgainAt = now.getTime() + LOOK_AGAIN_MS;
    const key = current?.kid === row.kid ? current.key : open(row.kid, row.sealed_private_key);
    current = { key, kid: row.kid, lookAgainAt };
    return await key;
  }

  async function open(kid: string, sealed: Buffer): Promise<TokenSigningKey> {
    return await openSigningKey({ kid, privateKey: sealing.open(sealed, kid).toString() });
  }

  return {
    async issue(user, sessionId, now) {
      const { id: subject, roles, tokenVersion: version } = user;
      const token = { id: uuidv7(), subject, sessionId, roles, version, issuedAt: now, lifeSeconds: ACCESS_TOKEN_SECONDS };
      return await signAccessToken(token, await signing(now));
    },
    async ensure() {
      await database.transaction(async (tx) => {
        await lockKeys(tx);
        const any = await tx.selectFrom('signing_keys').select('kid').limit(1).executeTakeFirst();
        const now = clock.now();
        if (any === undefined) await insert(tx, now, now);
      });
    },
    async rotate(tx) {
      await lockKeys(tx);
      const now = clock.now();
      const signsFrom = new Date(now.getTime() + HEARD_MS);
      return { kid: await insert(tx, now, signsFrom), signsFrom };
    },
  };
}

const lockKeys = (tx: Transaction<UsersTables>) => sql`select pg_advisory_xact_lock(hashtext('stoa.signing-keys'))`.execute(tx);

/** The keys with which a token may be signed that is not over yet, or will be. */
export async function publicKeys(db: Kysely<UsersTables>, now: Date): Promise<PublicKey[]> {
  const rows = await db
    .selectFrom('signing_keys')
    .select(['kid', 'public_key'])
    .where('kid', 'in', () => keysInUse(now))
    .orderBy('usable_from', 'desc')
    .execute();
  return rows.map(({ kid, public_key }) => ({ kty: 'OKP', crv: 'Ed25519', x: public_key, kid }));
}

/** Ids of the keys whose successor has not signed for as long as a token lives. */
const keysInUse = (now: Date) => {
  const lastTokenEnded = new Date(now.getTime() - (ACCESS_TOKEN_SECONDS + 60) * 1_000);
  return sql<string>`(
    select kid from signing_keys as old
    where not exists (select from signing_keys as newer where newer.usable_from > old.usable_from and newer.usable_from <= ${lastTokenEnded}))`;
};

/** Removes keys that no living token was signed with. */
export async function removeOldSigningKeys(tx: Transaction<UsersTables>, now: Date): Promise<void> {
  await tx
    .deleteFrom('signing_keys')
    .where('kid', 'not in', () => keysInUse(now))
    .execute();
}
