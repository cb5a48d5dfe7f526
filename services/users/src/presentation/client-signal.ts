import { httpErrors } from '@stoa/http';
import type { FastifyReply } from 'fastify';

/**
 * Is aborted when the client goes away before its answer. Fastify's own `request.signal` is not of use here: it follows the
 * request's `close`, which Node emits as soon as a body is read.
 */
export function clientSignal({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort(httpErrors.request_timeout({ message: 'The client went away before its answer.' }));
  });
  return controller.signal;
}
