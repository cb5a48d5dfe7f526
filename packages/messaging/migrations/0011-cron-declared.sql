-- When a copy at work last said that it runs this; null: not since this column is there. What all copies have stopped to declare goes a day later.
alter table cron add column declared_at timestamptz;
