import { sql } from 'kysely';
import type { UsersUnderTest } from './users-under-test.ts';

/** Where something is stored, and all that is stored there. */
export interface DataDump {
  readonly name: string;
  readonly bytes: Buffer;
}

const SHORTEST = 8;
const TOKEN_PREFIX = /^stoa_[a-z]+_/;
const TOKEN_PART = /^[A-Za-z0-9_-]{22,}$/;

/**
 * The ways in which a secret may be written: as it is, in base64, base64url and hex, whatever stands before and behind it, and the
 * same of what it encodes. @throws RangeError for what is so short that it is found by chance.
 */
export function spellingsOf(secret: string): readonly Buffer[] {
  if (Buffer.byteLength(secret) < SHORTEST) throw new RangeError(`${secret} is too short to be looked for`);
  const encoded = secret
    .replace(TOKEN_PREFIX, '')
    .split('.')
    .filter((part) => TOKEN_PART.test(part));
  const raw = [Buffer.from(secret), Buffer.from(secret.normalize('NFC')), ...encoded.map((part) => Buffer.from(part, 'base64url'))];
  return raw.flatMap((bytes) => {
    const hex = bytes.toString('hex');
    return [bytes, ...inBase64(bytes), ...[hex, hex.toUpperCase()].map((text) => Buffer.from(text))];
  });
}

/** Base64 depends on where in a group of three its text begins: what is the same each time is the middle. */
function inBase64(bytes: Buffer): readonly Buffer[] {
  return [0, 1, 2].flatMap((before) => {
    const from = before === 0 ? 0 : before + 1;
    const whole = Buffer.concat([Buffer.alloc(before), bytes]);
    const to = Math.floor((whole.length * 8) / 6);
    return (['base64', 'base64url'] as const).map((encoding) => Buffer.from(whole.toString(encoding).slice(from, to)));
  });
}

/** Every column of every table of the database, and the log. */
export async function placesOf({ database, logged, receivedBy }: UsersUnderTest): Promise<readonly DataDump[]> {
  const { rows: tables } = await sql<{ name: string }>`
    select tablename as name from pg_tables where schemaname = 'public' order by 1`.execute(database.query);
  const places = new Map<string, Buffer[]>();
  for (const { name } of tables) {
    const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(name)}`.execute(database.query);
    for (const [column, value] of rows.flatMap((row) => Object.entries(row))) {
      const place = `${name}.${column}`;
      const bytes = Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
      places.set(place, [...(places.get(place) ?? []), bytes, Buffer.from('\n')]);
    }
  }
  return [
    ...[...places].map(([name, bytes]) => ({ name, bytes: Buffer.concat(bytes) })),
    { name: 'log', bytes: Buffer.from(logged.join('')) },
    { name: 'messages', bytes: Buffer.from(JSON.stringify([receivedBy('mailer'), receivedBy('posts')])) },
  ];
}

/** In which places a secret is found, whatever its spelling. */
export const findIn = (places: readonly DataDump[], secret: string): readonly string[] =>
  places.filter(({ bytes }) => spellingsOf(secret).some((spelling) => bytes.includes(spelling))).map(({ name }) => name);
