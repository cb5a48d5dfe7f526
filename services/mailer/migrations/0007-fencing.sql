-- Raised by each claim. A delivery ends its mail only under the number of its own claim: the mail may have been taken from its instance and
-- claimed anew meanwhile, by the same instance too.
alter table mails add column fence integer not null default 0;
