import { type Kysely, sql, type Transaction } from 'kysely';

/** Made by the migration. Names of indexes and constraints belong to a schema, so that they are the same in both. */
const SCHEMA = sql.lit('projection_rebuild');

interface Shadows {
  /** In their order. Names are quoted. */
  readonly statements: readonly string[];
  /** Differs once a migration has changed the tables in use. */
  readonly shape: string;
  readonly areThere: boolean;
}

/** What makes empty tables like those in use: columns, defaults, constraints, indexes, storage parameters, grants. */
export async function planShadows<Tables>(tx: Transaction<Tables>, tables: readonly string[]): Promise<Shadows> {
  const { rows } = await sql<{ statement: string; depends_on: string | null; are_there: boolean }>`
    with live as (
      select c.oid, relname, nspname, reloptions, relacl, format('%I.%I', nspname, relname) as used, format('%I.%I', ${SCHEMA}, relname) as shadow
      from unnest(${tables}::text[]) as name join pg_class c on c.oid = name::regclass join pg_namespace n on n.oid = relnamespace
    ), made (turn, name, statement, depends_on) as (
      select 1, relname, format('create table %s (like %s including all excluding indexes)', shadow, used), (
        select string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated,
          pg_get_expr(adbin, adrelid)), ', ' order by attnum)
        from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attrelid = live.oid and attnum > 0 and not attisdropped
      ) from live
      union all
      select 2, relname, format('alter table %s set (%s)', shadow, array_to_string(reloptions, ', ')), null from live where reloptions is not null
      union all
      select 2, relname, format('grant %s on %s to %s', privilege_type, shadow, case grantee when 0 then 'public' else grantee::regrole::text end), null
      from live, aclexplode(relacl) where grantee <> grantor
      union all
      select case contype when 'f' then 4 else 3 end, conname, format('alter table %s add constraint %I %s', shadow, conname, definition), null
      from live join pg_constraint k on conrelid = live.oid cross join pg_get_constraintdef(k.oid) as definition where contype in ('p', 'u', 'x', 'f')
      union all
      select 3, i.relname, replace(pg_get_indexdef(i.oid), ' ON ' || used || ' ', ' ON ' || shadow || ' '), null
      from live join pg_index on indrelid = live.oid join pg_class i on i.oid = indexrelid
      where not exists (select from pg_constraint where conindid = i.oid and conrelid = live.oid)
    )
    select statement, depends_on, (select bool_and(to_regclass(shadow) is not null) from live) as are_there
    from made order by turn, name, statement`.execute(tx);
  return {
    statements: rows.map(({ statement }) => statement),
    shape: rows.map(({ statement, depends_on }) => `${statement}: ${depends_on}`).join('\n'),
    areThere: rows[0]?.are_there ?? false,
  };
}

/** In place of any that are there. */
export async function makeShadows<Tables>(tx: Transaction<Tables>, tables: readonly string[], { statements }: Shadows): Promise<void> {
  for (const table of tables) await sql`drop table if exists projection_rebuild.${sql.id(table)} cascade`.execute(tx);
  await inShadows(tx, async () => {
    for (const statement of statements) await sql.raw(statement).execute(tx);
  });
}

/** Within `work` the names of the tables mean their shadows. */
export async function inShadows<Tables>(tx: Transaction<Tables>, work: () => Promise<void>): Promise<void> {
  const { rows } = await sql<{ path: string }>`select current_setting('search_path') as path`.execute(tx);
  const path = rows[0]?.path;
  await sql`select set_config('search_path', ${SCHEMA} || ', ' || ${path}, true)`.execute(tx);
  await work();
  await sql`select set_config('search_path', ${path}, true)`.execute(tx);
}

/** So that the first queries after the swap are planned well. */
export async function analyzeShadows<Tables>(db: Kysely<Tables>, tables: readonly string[]): Promise<void> {
  for (const table of tables) await sql`analyze projection_rebuild.${sql.id(table)}`.execute(db);
}

/** The shadows take the place of the tables in use, which are gone. @throws when something else depends on these, a view for example. */
export async function swapShadows<Tables>(tx: Transaction<Tables>, tables: readonly string[]): Promise<void> {
  const { rows } = await sql<{ statement: string }>`
    with live as (
      select nspname, relname from unnest(${tables}::text[]) as name
      join pg_class c on c.oid = name::regclass join pg_namespace n on n.oid = relnamespace
    )
    select format('drop table %s', string_agg(format('%I.%I', nspname, relname), ', ')) as statement, 1 as turn from live
    union all
    select format('alter table %I.%I set schema %I', ${SCHEMA}, relname, nspname), 2 from live
    order by turn`.execute(tx);
  for (const { statement } of rows) await sql.raw(statement).execute(tx);
}
