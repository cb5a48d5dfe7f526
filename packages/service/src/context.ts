import { AsyncLocalStorage } from 'node:async_hooks';
import { randomHex } from './ids.ts';
import { readTraceparent, readTracestate } from './traceparent.ts';

/**
 * What follows one request through every part it touches: into logs, messages, mails and calls to other services.
 * `correlationId` is ours (1–128 of `[A-Za-z0-9._-]`), `traceparent` and `tracestate` are W3C Trace Context level 1.
 */
export interface RequestContext {
  readonly correlationId: string;
  /** The trace, and the innermost span in it that we know of: the parent of what is begun from here. */
  readonly traceparent: string;
  /** The state of other vendors' tracers as received at the edge; passed on as it is. */
  readonly tracestate?: string;
  /** The client's IP as the edge saw it; absent in background work. */
  readonly clientIp?: string;
}

/** What came with a request or message; anything may stand in it. */
export interface Received {
  readonly correlationId?: unknown;
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
  readonly clientIp?: string;
}

const storage = new AsyncLocalStorage<RequestContext>();

export const currentContext = (): RequestContext | undefined => storage.getStore();

/** Whether a client waits for the answer: it is a request's work, not that of the background. */
export const isRequest = (): boolean => storage.getStore()?.clientIp !== undefined;

export const runInContext = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Keeps what the caller sent where it is well-formed, and begins anew where it is not. */
export function createContext({ correlationId, traceparent: sent, tracestate: sentState, clientIp }: Received = {}): RequestContext {
  const traceparent = readTraceparent(sent);
  // Without its trace it means nothing.
  const tracestate = traceparent === undefined ? undefined : readTracestate(sentState);
  return {
    correlationId: typeof correlationId === 'string' && CORRELATION_ID.test(correlationId) ? correlationId : randomHex(16),
    traceparent: traceparent ?? newTraceparent(),
    ...(tracestate === undefined ? {} : { tracestate }),
    ...(clientIp === undefined ? {} : { clientIp }),
  };
}

/** The headers by which the context goes along with a call to another service. */
export function contextHeaders(context: RequestContext | undefined): Record<string, string> {
  if (context === undefined) return {};
  const { correlationId, traceparent, tracestate } = context;
  return { 'x-correlation-id': correlationId, traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
}

/** Not sampled: a process that begins a trace and keeps no span of it sets this (Trace Context level 1, §3.2.2.5.1). */
const newTraceparent = () => `00-${randomHex(16)}-${randomHex(8)}-00`;
