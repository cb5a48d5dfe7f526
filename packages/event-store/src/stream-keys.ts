import { randomBytes } from 'node:crypto';
import { createSealing, type DeriveKey, type Sealing } from '@stoa/service';
import { type Kysely, sql, type Transaction } from 'kysely';

const KEY_BYTES = 32;

/** Something sealed with the key of a stream, wherever it is stored. */
export interface SealedOf {
  readonly stream: string;
  readonly sealed: Buffer | null;
}

interface Row {
  readonly stream: string;
  readonly key: Buffer | null;
}

/** A key for each stream, made when it is needed first, and stored sealed with a key of the installation. */
export function createStreamKeys(derive: DeriveKey) {
  const ofInstallation = createSealing(derive('event-store-stream-keys'));
  const unwrap = ({ stream, key }: Row): Sealing | undefined =>
    key === null ? undefined : createSealing(ofInstallation.open(key, stream));

  return {
    /** @returns what seals for the stream; `undefined` once its key is destroyed. */
    async forSealing<Tables>(tx: Transaction<Tables>, stream: string): Promise<Sealing | undefined> {
      const key = ofInstallation.seal(randomBytes(KEY_BYTES), stream);
      const made = await sql<Row>`
        insert into stream_keys (stream, key) values (${stream}, ${key}) on conflict (stream) do nothing returning stream, key`.execute(tx);
      // In a statement of its own: the one above does not see what it waited for.
      const { rows } =
        made.rows.length > 0 ? made : await sql<Row>`select stream, key from stream_keys where stream = ${stream}`.execute(tx);
      return unwrap(rows[0] as Row);
    },

    /** @returns for each, in their order, what was sealed: JSON; `null` where there is nothing, or no key any more. */
    async open<Tables>(db: Kysely<Tables>, items: readonly SealedOf[]): Promise<unknown[]> {
      const streams = [...new Set(items.flatMap(({ stream, sealed }) => (sealed === null ? [] : stream)))];
      if (streams.length === 0) return items.map(() => null);
      const { rows } = await sql<Row>`select stream, key from stream_keys where stream = any(${streams}::text[])`.execute(db);
      const sealings = new Map(rows.map((row) => [row.stream, unwrap(row)]));
      return items.map(({ stream, sealed }) => {
        const sealing = sealings.get(stream);
        return sealed === null || sealing === undefined ? null : JSON.parse(sealing.open(sealed, stream).toString());
      });
    },

    /** For good; streams that have no key never get one. */
    async destroy<Tables>(tx: Transaction<Tables>, streams: readonly string[]): Promise<void> {
      await sql`
        insert into stream_keys (stream, key, destroyed_at)
        select distinct stream, null::bytea, now() from unnest(${streams}::text[]) as stream order by stream
        on conflict (stream) do update set key = null, destroyed_at = coalesce(stream_keys.destroyed_at, excluded.destroyed_at)`.execute(
        tx,
      );
    },
  };
}

export type StreamKeys = ReturnType<typeof createStreamKeys>;
