import type { Relation } from './relations.ts';

/** Tables and views as Markdown, to be committed, so that a diff shows what a migration changes. */
export const describeSchema = (relations: readonly Relation[]): string => `${relations.map(describe).join('\n\n')}\n`;

const describe = ({ name, kind, columns, constraints, indexes, triggers }: Relation): string =>
  [
    `## ${name}${kind === 'view' ? ' (view)' : ''}`,
    ['| column | type | null | default |', '|---|---|---|---|', ...columns.map(row)].join('\n'),
    ...section('Constraints', constraints),
    ...section('Indexes', indexes),
    ...section('Triggers', triggers),
  ].join('\n\n');

const row = ({ name, type, required, value }: Relation['columns'][number]): string =>
  `| ${name} | ${type} | ${required ? 'no' : 'yes'} | ${value === '' ? '' : `\`${value.replaceAll('|', '\\|')}\``} |`;

const section = (title: string, definitions: Relation['constraints']): string[] =>
  definitions.length === 0
    ? []
    : [`${title}:\n${definitions.map(({ name, definition }) => `- \`${name}\`: \`${definition}\``).join('\n')}`];
