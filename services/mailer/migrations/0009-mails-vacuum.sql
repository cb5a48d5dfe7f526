-- The queue is read from its beginning: entries of mails that have left it are to be gone soon, as those of the inbox are.
alter table mails set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_truncate = off);
alter table attempts set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, vacuum_truncate = off);
