import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { describeSchema } from './describe-schema.ts';
import { readRelations } from './relations.ts';
import { testDatabase } from './testing/index.ts';

const TABLES = [
  sql`create table owners (id uuid primary key)`,
  sql`create table pets (
    id bigint generated always as identity primary key,
    dropped text,
    name text not null default 'a' || 'b',
    price numeric(12, 2),
    owner uuid not null references owners (id),
    upper_name text generated always as (upper(name)) stored,
    constraint pets_name unique (name),
    constraint pets_price check (price > 0)
  )`,
  sql`alter table pets drop column dropped`,
  sql`create index pets_dear on pets (price desc, id) where price > 100`,
  sql`create view cheap_pets as select id, name from pets where price < 10`,
  sql`create function heard() returns trigger language plpgsql as 'begin return null; end'`,
  sql`create trigger pets_heard after insert on pets for each statement execute function heard()`,
];

const EXPECTED = `## cheap_pets (view)

| column | type | null | default |
|---|---|---|---|
| id | bigint | yes |  |
| name | text | yes |  |

## owners

| column | type | null | default |
|---|---|---|---|
| id | uuid | no |  |

Constraints:
- \`owners_pkey\`: \`PRIMARY KEY (id)\`

## pets

| column | type | null | default |
|---|---|---|---|
| id | bigint | no | \`generated always as identity\` |
| name | text | no | \`('a'::text \\|\\| 'b'::text)\` |
| price | numeric(12,2) | yes |  |
| owner | uuid | no |  |
| upper_name | text | yes | \`generated always as (upper(name))\` |

Constraints:
- \`pets_pkey\`: \`PRIMARY KEY (id)\`
- \`pets_name\`: \`UNIQUE (name)\`
- \`pets_owner_fkey\`: \`FOREIGN KEY (owner) REFERENCES owners(id)\`
- \`pets_price\`: \`CHECK ((price > (0)::numeric))\`

Indexes:
- \`pets_dear\`: \`CREATE INDEX pets_dear ON public.pets USING btree (price DESC, id) WHERE (price > (100)::numeric)\`

Triggers:
- \`pets_heard\`: \`CREATE TRIGGER pets_heard AFTER INSERT ON public.pets FOR EACH STATEMENT EXECUTE FUNCTION heard()\`
`;

test('describes tables and views with columns, constraints, indexes and triggers, in a stable order', async () => {
  await using fixture = await testDatabase();
  for (const statement of TABLES) await statement.execute(fixture.database.query);
  expect(describeSchema(await readRelations(fixture.url)).replace(/## migrations\n[^#]*/, '')).toBe(EXPECTED);
});
