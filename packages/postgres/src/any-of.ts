import { type RawBuilder, sql } from 'kysely';

/**
 * For `where(column, '=', anyOf(values, 'uuid'))`: one parameter, however many values. With `in` each would be one, PostgreSQL takes
 * 65,535 in a statement, and each number of them would be a statement of its own to parse and to plan.
 */
export const anyOf = <T>(values: readonly T[], type: 'uuid' | 'text'): RawBuilder<T> => sql<T>`any(${values}::${sql.raw(type)}[])`;
