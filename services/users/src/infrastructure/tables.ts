import type { Narrow } from '@stoa/postgres';
import type { ColumnType, JSONColumnType } from 'kysely';
import type { Tables } from './tables.generated.ts';

/** The rows of `migrations/`, with what the catalogue does not know of them. */
export interface UsersTables extends Omit<Tables, 'audit' | 'users'> {
  audit: Narrow<Tables['audit'], { details: JSONColumnType<Record<string, unknown>> }>;
  /** `search` is what accounts are looked for by, and never read: it is made of other columns. */
  users: Narrow<Tables['users'], { search: ColumnType<never> }>;
}
