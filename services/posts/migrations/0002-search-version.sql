-- By which folding of words `search` was made: what an older one made is made anew in the background, see src/index-again.ts.
alter table posts add column search_version smallint not null default 1;
