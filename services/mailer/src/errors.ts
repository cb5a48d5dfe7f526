import { defineErrors } from '@stoa/service';

export const mailerErrors = defineErrors({
  mail_not_found: {
    kind: 'not-found',
    title: 'There is no such mail.',
    cause: 'The id is wrong, or the mail is older than MAIL_RETENTION_DAYS and forgotten.',
    fix: 'List what is there: GET /v1/mails.',
  },
  mail_on_its_way: {
    kind: 'conflict',
    title: 'This mail is still on its way.',
    cause: 'Its status is `queued` or `sending`: it leaves by itself, and is tried again by itself.',
    fix: 'Wait until GET /v1/mails/{id} shows another status.',
  },
  mailbox_message_not_found: {
    kind: 'not-found',
    title: 'There is no such message in the mailbox.',
    cause: 'The id is wrong, or the mailbox was emptied, or 5,000 newer messages came.',
    fix: 'List what is there: GET /mailbox/messages.',
  },
  no_message_yet: {
    kind: 'not-found',
    title: 'No such message has arrived yet.',
    cause: 'Nothing arrived for the address in the time that `wait` allows. Mails leave one after the other, by default one a second.',
    fix: 'Check the address in `to`, or wait longer: `wait=30s`.',
  },
});
