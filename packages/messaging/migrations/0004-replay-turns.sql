-- When the next letter of a replay may be tried: one that is continued late goes on at its rate, and does not make up for the time.
-- Empty in a replay that an older version began, which counts from requested_at.
alter table dead_letter_replays add column next_at timestamptz;
