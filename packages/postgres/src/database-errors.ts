import { defineErrors } from '@stoa/service';

/** What any request that needs the database can be answered with. */
export const databaseErrors = defineErrors({
  database_busy: {
    kind: 'unavailable',
    title: 'What this request needs is being changed by another one right now.',
    cause: 'Another request or job held a lock on it for longer than a request may wait. Nothing of this request was done.',
    fix: 'Repeat the request after the seconds in `Retry-After`.',
  },
  database_unavailable: {
    kind: 'unavailable',
    title: 'The database cannot be reached right now.',
    cause: 'The database of the service is away or starting, or is answering too many requests at once.',
    fix: 'Repeat the request after the seconds in `Retry-After`. One that changes something may have been done: send its `Idempotency-Key` again.',
  },
});
