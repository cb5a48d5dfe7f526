import { createContext, currentContext, type Received, type RequestContext, runInContext } from './context.ts';
import { readTraceparent } from './traceparent.ts';

/** By OpenTelemetry's semantic conventions where they have a name for it. Never what a client sent, nor who it is. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface SpanStart {
  readonly kind: 'server' | 'client' | 'producer' | 'consumer';
  /** Of few values: a route's pattern, a message's type. No ids. */
  readonly name: string;
  readonly attributes: Attributes;
}

/** One piece of work in a trace. */
export interface Span {
  /** Names this span as the parent of what is begun within it, in other processes too. */
  readonly traceparent: string;
  rename(name: string): void;
  set(attributes: Attributes): void;
  /** @param type a code, a status or a class, never a message. */
  fail(type: string): void;
  end(): void;
}

/** Keeps spans. Without a `parent` a trace begins. */
export type Tracer = (start: SpanStart, parent: Pick<RequestContext, 'traceparent' | 'tracestate'> | undefined) => Span;

let tracer: Tracer | undefined;

/** Has every span of this process kept from now on; `undefined` ends it. One per process, as there is one context. */
export function traceWith(next: Tracer | undefined): void {
  tracer = next;
}

/**
 * Runs `work` as a span of the trace it belongs to; what it calls and publishes has the span as its parent. Outside a request or
 * message, or when nobody keeps spans, it only runs: `describe` is then not called.
 */
export function inSpan<T>(describe: () => SpanStart, work: (span?: Span) => Promise<T>): Promise<T> {
  const context = currentContext();
  if (tracer === undefined || context === undefined) return work();
  return runSpan(tracer(describe(), context), context, work);
}

/** Runs `work` in the context that came with a message, as a span whose parent is the sender's. */
export function inReceivedSpan<T>(received: Received, describe: () => SpanStart, work: (span?: Span) => Promise<T>): Promise<T> {
  const { context, span } = startReceivedSpan(received, describe);
  return span === undefined ? runInContext(context, work) : runSpan(span, context, work);
}

/** The context that came with a request, and the span that answers it, to be ended by the caller. */
export function startReceivedSpan(received: Received, describe: () => SpanStart): { context: RequestContext; span?: Span } {
  const context = createContext(received);
  if (tracer === undefined) return { context };
  const span = tracer(describe(), readTraceparent(received.traceparent) === undefined ? undefined : context);
  return { context: { ...context, traceparent: span.traceparent }, span };
}

/** A span in the trace of something that was written down earlier, to be ended by the caller. */
export function startSpan(parent: { readonly traceparent: string }, describe: () => SpanStart): Span | undefined {
  if (tracer === undefined) return undefined;
  const traceparent = readTraceparent(parent.traceparent);
  return tracer(describe(), traceparent === undefined ? undefined : { ...parent, traceparent });
}

async function runSpan<T>(span: Span, context: RequestContext, work: (span?: Span) => Promise<T>): Promise<T> {
  try {
    return await runInContext({ ...context, traceparent: span.traceparent }, () => work(span));
  } catch (error) {
    span.fail(errorType(error));
    throw error;
  } finally {
    span.end();
  }
}

const CODE = /^[\w.-]{1,64}$/;

/** The code of an error of ours, of the database or the system; else its class. Messages may hold input. */
export function errorType(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (typeof code === 'string' && CODE.test(code)) return code;
  return error instanceof Error && CODE.test(error.name) ? error.name : 'Error';
}
