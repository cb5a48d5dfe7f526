import { defineErrors } from '@stoa/service';

export const mailerErrors = defineErrors({
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
