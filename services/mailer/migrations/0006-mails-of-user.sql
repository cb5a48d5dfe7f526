-- The mark of a person who is gone stays for as long as any mail of his: it may be sent again.
create index mails_of_user on mails (user_id) where user_id is not null;
