import { defineErrors } from '@stoa/service';

export const postsErrors = defineErrors({
  post_not_found: {
    kind: 'not-found',
    title: 'There is no such post.',
    cause: 'The id is wrong, or the post was deleted, or a moderator has hidden it.',
    fix: 'List what is there: GET /v1/posts.',
  },
  not_the_author: {
    kind: 'forbidden',
    title: 'This post was written by somebody else.',
    cause: 'Only the author can change a post; a moderator can hide or delete it.',
    fix: 'Log in as its author, or leave it.',
  },
});
