-- stoa: no transaction
-- Serves the search for posts whose words are of an older folding. Partial, and empty when all are made anew.
create index concurrently if not exists posts_search_outdated on posts (id) where search_version < 2;
