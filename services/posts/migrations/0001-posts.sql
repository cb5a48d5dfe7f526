-- Posts, what is known of those who write them, and the words that they use. Ids are made by the application (UUIDv7).

-- Whom a post may name: learned from the events of users. A row may be there before its name is.
create table authors (
  id uuid primary key,
  name text,
  -- That of the profile which the name comes from: an older one that comes later changes nothing.
  version integer not null default 0,
  -- The account is gone. Kept for as long as an event of it may still come, so that none brings the name back.
  deleted_at timestamptz
);
-- Serves the clean-up of authors who are gone. Partial, as few are.
create index authors_gone on authors (deleted_at) where deleted_at is not null;

create table posts (
  id uuid primary key,
  -- Null when the account is gone and its posts are kept.
  author_id uuid references authors (id),
  title text not null,
  text text not null,
  -- The words of title and text, folded as searches are: see src/words.ts.
  search tsvector not null,
  version integer not null default 1,
  -- A moderator took it from the readers.
  hidden_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- Serves the list, newest first; a search for common words; partial, so that a flood of posts that were hidden is not read through. Ascending,
-- as these all: PostgreSQL fills pages whole where the newest comes last, and reads backwards as fast.
create index posts_shown on posts (id) where hidden_at is null;
-- Serves the list of what is hidden, for moderators.
create index posts_hidden on posts (id) where hidden_at is not null;
-- Serves the list of an author, and letting go of his posts when his account is gone.
create index posts_of_author on posts (author_id, id);
-- Serves a search for rare words. Without the list of what is pending: a search would read all of it.
create index posts_search on posts using gin (search) with (fastupdate = off);

-- What a word is when one of its letters is left out, and the word itself: two words that share a spelling are at most a letter apart, or two
-- that were exchanged.
create function spellings(word text) returns text[] language sql immutable strict parallel safe
  return array(select distinct overlay(word placing '' from place for 1) from generate_series(1, char_length(word)) as place) || word;

-- Every word that posts have used, for searches that are misspelt.
create table words (
  word text primary key,
  spellings text[] not null generated always as (spellings(word)) stored,
  -- When it was last written, or last found in use.
  used_on date not null default current_date
);
-- Serves the search for what is spelt alike.
create index words_spellings on words using gin (spellings) with (fastupdate = off);
-- Serves forgetting the words that no post uses any more.
create index words_age on words (used_on);
