import { AsyncLocalStorage } from 'node:async_hooks';
import { randomHex } from './ids.ts';

/**
 * What follows one request through every part it touches: into logs, messages, mails and calls to other services.
 * `correlationId` is ours (1–128 of `[A-Za-z0-9._-]`), `traceparent` is W3C Trace Context level 1.
 */
export interface RequestContext {
  readonly correlationId: string;
  readonly traceparent: string;
  /** The client's address as the edge saw it; absent in background work. */
  readonly address?: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

export const currentContext = (): RequestContext | undefined => storage.getStore();

export const runInContext = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/;
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Keeps what the caller sent where it is well-formed, and begins anew where it is not. */
export function createContext(received: { correlationId?: unknown; traceparent?: unknown; address?: string } = {}): RequestContext {
  const { correlationId, traceparent, address } = received;
  return {
    correlationId: typeof correlationId === 'string' && CORRELATION_ID.test(correlationId) ? correlationId : randomHex(16),
    traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : newTraceparent(),
    ...(address === undefined ? {} : { address }),
  };
}

const newTraceparent = () => `00-${randomHex(16)}-${randomHex(8)}-01`;
