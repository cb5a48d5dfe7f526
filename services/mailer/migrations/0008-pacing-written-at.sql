-- When `next_at` was written: where that is later than now, the clock was set back, and `next_at` means nothing.
alter table pacing add column written_at timestamptz not null default 'epoch';
