// Made by `npm run reports` from the migrations.
import type { Generated, GeneratedAlways } from 'kysely';

export interface Tables {
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
    search: string;
    version: Generated<number>;
    hidden_at: Date | null;
    created_at: Date;
    updated_at: Date;
    search_version: Generated<number>;
  };
  words: {
    word: string;
    spellings: GeneratedAlways<readonly string[]>;
    used_on: Generated<string>;
  };
}
