-- stoa: no transaction
-- Serves a log-in that ends the oldest sessions beyond the cap, log-out everywhere, a person's list of sessions: they read what is live,
-- and not all that an account has opened in 90 days.
create index concurrently if not exists sessions_live on sessions (user_id, id) where ended_at is null;
