import type { Narrow } from '@stoa/postgres';
import type { ColumnType } from 'kysely';
import type { Tables } from './tables.generated.ts';

/** The rows of `migrations/`, with what the catalogue does not know of them. */
export interface PostsTables extends Omit<Tables, 'posts'> {
  /** `search` is only searched in, never read. */
  posts: Narrow<Tables['posts'], { search: ColumnType<never, string, string> }>;
}
