-- What the audit of mails over HTTP needs, and the clean-up.

-- The mail that this one is a copy of, as long as that is remembered, and who asked for it.
alter table mails add column resend_of uuid references mails (id) on delete set null;
alter table mails add column resent_by text;

-- Mails are listed newest first, which is the order of the primary key. One index for each filter, in that order.
-- GET /v1/mails?to=…
create index mails_recipient on mails (lower(recipient), id);
-- GET /v1/mails?status=…
create index mails_status on mails (status, id);
-- GET /v1/mails?template=…
create index mails_template on mails (template, id);

-- Clean-up: the mails that ended first.
create index mails_finished on mails (finished_at) where finished_at is not null;
-- Clean-up: the copies of a mail that goes.
create index mails_resend_of on mails (resend_of) where resend_of is not null;
