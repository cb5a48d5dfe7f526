-- NOTIFY in a transaction makes its commit wait for those of all databases of the server. The processes tell each other after the commit,
-- on the same channels; copies of an older version hear that too, and what these append is found by polling.
drop trigger outbox_appended on outbox;
drop function notify_outbox();
drop trigger inbox_accepted on inbox;
drop function notify_inbox();
