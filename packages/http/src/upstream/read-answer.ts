import type { AppError } from '@stoa/service';
import { httpErrors } from '../http-errors.ts';
import type { Receiver, Sending, UpstreamRequest } from './exchange.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamAnswer {
  readonly status: number;
  readonly body: string;
}

/** More than any answer between services; a server that sends more is not one. */
const MAX_BYTES = 16 * 1_048_576;

/** The whole answer at once. @throws 503 `service_unavailable` when there is none, or none within `timeoutMs`. */
export function readAnswer(upstream: Upstream, request: UpstreamRequest, timeoutMs: number): Promise<UpstreamAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<UpstreamAnswer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let status = 0;
  let sending: Sending | undefined;
  const timer = setTimeout(() => {
    sending?.expire();
    reject(httpErrors.service_unavailable({ message: `The service ${upstream.name} did not answer within ${timeoutMs} ms.` }));
  }, timeoutMs);
  const receiver: Receiver = {
    head(answered) {
      status = answered;
    },
    data(chunk) {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= MAX_BYTES) return true;
      sending?.abort();
      clearTimeout(timer);
      reject(httpErrors.service_unavailable({ message: `The service ${upstream.name} sent too large an answer.` }));
      return false;
    },
    end() {
      clearTimeout(timer);
      resolve({ status, body: Buffer.concat(chunks).toString() });
    },
    fail(error: AppError) {
      clearTimeout(timer);
      reject(error);
    },
  };
  sending = upstream.send({ headMs: timeoutMs, ...request }, receiver);
  return promise;
}
