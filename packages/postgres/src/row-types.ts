import { inspect } from 'node:util';
import type { Relation } from './relations.ts';

type Column = Relation['columns'][number];

/** How a value reads, by the parsers of `connection-options.ts`. */
const READS_AS: Readonly<Record<string, string>> = {
  bigint: 'number',
  boolean: 'boolean',
  bytea: 'Buffer',
  date: 'string',
  'double precision': 'number',
  integer: 'number',
  json: 'unknown',
  jsonb: 'unknown',
  smallint: 'number',
  text: 'string',
  'text[]': 'readonly string[]',
  'timestamp with time zone': 'Date',
  tsvector: 'string',
  uuid: 'string',
  xid8: 'string',
};
const IMPORTS = ['ColumnType', 'Generated', 'GeneratedAlways'];

/** What Postgres makes of `check (status in ('a', 'b'))`, and of one value alone. One that is not valid does not hold for older rows. */
const ONE_OF = /^CHECK \(\((\w+) = (?:ANY \(ARRAY\[((?:'(?:[^']|'')*'::text(?:, )?)+)\]\)|('(?:[^']|'')*'::text))\)\)$/;
const VALUE = /'((?:[^']|'')*)'::text/g;

/**
 * The tables as the TypeScript of `export interface Tables`, a row type of Kysely for each. A text that a check limits to some values is
 * a union of them. JSON reads as `unknown`, until `Narrow` says more. Views are left out: of their columns the catalogue knows too little.
 * @throws Error for a type of column that has none here.
 */
export function rowTypes(relations: readonly Relation[]): string {
  const tables = relations.filter(({ kind }) => kind === 'table').map(tableType);
  const body = `export interface Tables {\n${tables.join('')}}\n`;
  const used = IMPORTS.filter((name) => body.includes(`${name}<`));
  const imports = used.length > 0 ? `import type { ${used.join(', ')} } from 'kysely';\n\n` : '';
  return `// Made by \`npm run reports\` from the migrations.\n${imports}${body}`;
}

function tableType({ name, columns, constraints }: Relation): string {
  const unions = new Map(constraints.flatMap(({ definition }) => unionOf(definition)));
  const lines = columns.map((column) => `    ${column.name}: ${columnType(name, column, unions.get(column.name))};\n`);
  return `  ${name}: {\n${lines.join('')}  };\n`;
}

function unionOf(check: string): [string, string][] {
  const [, column, several, one] = ONE_OF.exec(check) ?? [];
  if (column === undefined) return [];
  const values = [...(several ?? one ?? '').matchAll(VALUE)].map(([, value = '']) => inspect(value.replaceAll("''", "'")));
  return [[column, values.join(' | ')]];
}

function columnType(table: string, { name, type, required, value }: Column, union: string | undefined): string {
  const read = union ?? READS_AS[type];
  if (read === undefined) throw new Error(`No reading is declared for ${table}.${name} of type ${type}: add one in row-types.ts`);
  // It reads as what it is, and is written as text.
  if (read === 'unknown') return `ColumnType<unknown, string${value === '' ? '' : ' | undefined'}, string>${required ? '' : ' | null'}`;
  const whole = required ? read : `${read} | null`;
  if (value === '') return whole;
  return value.startsWith('generated always as') ? `GeneratedAlways<${whole}>` : `Generated<${whole}>`;
}
