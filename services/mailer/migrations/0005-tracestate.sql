-- As in the inbox: goes along with the trace of who asked for the mail.
alter table mails add column tracestate text;
