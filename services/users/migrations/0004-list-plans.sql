-- What keeps the list of accounts fast where the planner guesses wrong, or the trigram index has too much to read.

-- Serves the filter by the role `admin`, and whether there is an administrator beside one: a handful among a million, which statistics
-- of the column cannot show. Statements name the role as it stands here.
create index users_administrators on users (id desc) where roles @> '{admin}';
-- Serve `q` that is or begins an address, a login or a number: a range, where dozens of trigrams would be read to find one account.
create index users_email_prefix on users (email text_pattern_ops);
create index users_login_prefix on users (login text_pattern_ops);
create index users_phone_prefix on users (phone text_pattern_ops);

-- What was written last waits in a list that every search reads whole: 4 MB by default are some 20 ms.
alter index users_search set (gin_pending_list_limit = 256);
alter index users_roles set (gin_pending_list_limit = 256);
