import type { ColumnType, Generated } from 'kysely';

/** Row types of `migrations/`. */
export interface PostsTables {
  authors: {
    id: string;
    name: string | null;
    version: Generated<number>;
    deleted_at: Date | null;
  };
  posts: {
    id: string;
    author_id: string | null;
    title: string;
    text: string;
    /** Only searched in, never read. */
    search: ColumnType<never, string, string>;
    version: Generated<number>;
    hidden_at: Date | null;
    created_at: Date;
    updated_at: Date;
  };
  words: {
    word: string;
    spellings: ColumnType<string[], never, never>;
    used_on: Generated<Date>;
  };
}
