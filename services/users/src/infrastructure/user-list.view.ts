import { PLANNED_FOR_ITS_VALUES } from '@stoa/postgres';
import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { ListUsers, Match, UserFilter } from '../application/user-list.ts';
import { ADMIN, USER } from '../domain/role.ts';
import type { UserSearch } from '../domain/user-search.ts';
import { COLUMNS, toUser, type UserRow } from './pg-users.ts';
import type { UsersTables } from './tables.ts';

/**
 * The planner assumes that one in two hundred accounts has a rare role. Therefore this many of the newest accounts are searched
 * first; a page that they do not fill is of a role for which the index finds few.
 */
const NEWEST = 2_000;

type Condition = RawBuilder<unknown>;

interface Page {
  readonly limit: number;
  readonly after: string | undefined;
}

/** The list of accounts: from SQL to the answer. */
export function createUserList(db: Kysely<UsersTables>): ListUsers {
  return async ({ search, ...filter }, { limit, after }) => {
    const page = { limit, after: after?.id };
    if (search === undefined) return { users: (await find(db, undefined, filter, page)).map(toUser), match: 'part' };
    // A next page uses the match of the one before; the first one uses the closest match that finds anything.
    const matches: readonly Match[] = after === undefined ? matchesOf(search) : [after.match];
    for (const match of matches) {
      const rows = match === 'alike' ? await findAlike(db, search, filter, page) : await find(db, foundBy(match, search), filter, page);
      if (rows.length > 0) return { users: rows.map(toUser), match };
    }
    return { users: [], match: 'part' };
  };
}

const matchesOf = ({ begins, anywhere }: UserSearch): readonly Match[] => [
  ...(begins === undefined ? [] : (['begins'] as const)),
  'part',
  ...(anywhere ? (['alike'] as const) : []),
];

/**
 * One letter of a short word is a third of its trigrams, so that pg_trgm's own threshold of 0.6 finds neither `kathrine` nor
 * `exmaple`. Of longer texts 0.6 finds what is alike, and a lower one has the index give far too many to look at.
 */
const thresholdFor = (text: string) => (text.length <= 12 && !text.includes(' ') ? '0.5' : '0.6');

/** Both the planner and the index go by the setting. */
const findAlike = (db: Kysely<UsersTables>, search: UserSearch, filter: UserFilter, page: Page) =>
  db.transaction().execute(async (tx) => {
    await sql`select set_config('pg_trgm.word_similarity_threshold', ${thresholdFor(search.text)}, true)`.execute(tx);
    return await find(tx, foundBy('alike', search), filter, page);
  });

async function find(
  db: Kysely<UsersTables>,
  found: Condition | undefined,
  { status, role }: UserFilter,
  { limit, after }: Page,
): Promise<readonly UserRow[]> {
  const given = status === undefined ? [] : [sql`status = ${status}`];
  const wanted = [...(found === undefined ? [] : [found]), ...(role === undefined ? [] : [sql`roles @> array[${role}]::text[]`])];
  const before = (id: string | undefined) => (id === undefined ? [] : [sql`id < ${id}`]);
  // Of these roles the planner knows better: nearly all have the one, and the other has an index of its own.
  const isEstimable = role === undefined || role === USER || role === ADMIN;
  if (isEstimable) return await select(db, [...wanted, ...given, ...before(after)], limit);

  const newest = sql`(select * from users where ${all([...given, ...before(after)])} order by id desc limit ${NEWEST}) as users`;
  const rows = await select(db, wanted, limit, newest);
  if (rows.length === limit) return rows;
  const [last] = await select(db, [...given, ...before(after)], 1, sql`users`, NEWEST - 1);
  if (last === undefined) return rows;
  // `offset 0` keeps the planner from walking through all accounts in their order until the page is full.
  const older = sql`(select * from users where ${all([...wanted, ...given, ...before(last.id)])} offset 0) as users`;
  return [...rows, ...(await select(db, [], limit - rows.length, older))];
}

function foundBy(match: Match, { text, anywhere, begins }: UserSearch): Condition {
  const literal = (value: string) => value.replaceAll(/[\\%_]/g, '\\$&');
  switch (match) {
    case 'begins':
      return sql`(${sql.join(
        (begins?.fields ?? []).map((field) => sql`${sql.ref(field)} like ${`${literal(begins?.value ?? '')}%`}`),
        sql` or `,
      )})`;
    case 'part':
      return sql`search like ${`%${anywhere ? '' : ' '}${literal(text)}%`}`;
    case 'alike':
      return sql`${text} <% search`;
  }
}

const all = (conditions: readonly Condition[]) => (conditions.length === 0 ? sql`true` : sql.join([...conditions], sql` and `));

async function select(
  db: Kysely<UsersTables>,
  conditions: readonly Condition[],
  limit: number,
  from: Condition = sql`users`,
  offset = 0,
): Promise<readonly UserRow[]> {
  const columns = sql.raw(COLUMNS.join(', '));
  const { rows } = await sql<UserRow>`
    ${PLANNED_FOR_ITS_VALUES} select ${columns} from ${from} where ${all(conditions)} order by id desc limit ${limit} offset ${offset}`.execute(
    db,
  );
  return rows;
}
