import type { IncomingMessage, ServerResponse } from 'node:http';
import { createForwarding, FORWARDED_HEADER } from '@stoa/auth';
import {
  type AnswerHeaders,
  BODY_BYTES,
  type DeclaredRoute,
  type Edge,
  edgeOf,
  joinLimits,
  type Receiver,
  recordAnswer,
  type Sending,
  startCallSpan,
  tooLarge,
  type Upstream,
} from '@stoa/http';
import { type AppError, type DeriveKey, type Logger, runInContext, type Span } from '@stoa/service';
import type { FastifyReply, HookHandlerDoneFunction, onRequestHookHandler } from 'fastify';
import { endWhole } from '../end-whole.ts';
import { answerHeaders, forwardedHeaders, isAmong } from './forward-headers.ts';
import { hasBody, isSmall, readBody, streamBody } from './read-body.ts';

/** How long a service may wait until its answer begins; a route that waits on purpose adds to it. */
const HEAD_MS = 30_000;

export interface ProxyTarget {
  readonly upstream: Upstream;
  readonly forwarding: (clientIp: string) => string;
  readonly log: Logger;
}

export const createProxy = (upstream: Upstream, derive: DeriveKey, log: Logger): ProxyTarget => ({
  upstream,
  forwarding: createForwarding(derive),
  log,
});

/** The hook that hands requests for a route to its service in another process, streamed in both directions. */
export function proxyTo(proxy: ProxyTarget, { waitSeconds = 0, idempotent, bodyLimit = BODY_BYTES }: DeclaredRoute): onRequestHookHandler {
  const terms: Terms = { headMs: HEAD_MS + waitSeconds * 1_000, honoursKeys: idempotent === true };
  return (request, reply, done) => {
    // A body that the service would refuse by its length need not be sent there.
    if (Number(request.headers['content-length']) > bodyLimit) return done(tooLarge(bodyLimit));
    const edge = edgeOf(request.raw);
    edge.service = proxy.upstream.name;
    new Passing(proxy, reply, edge, done).begin(request.raw, terms);
  };
}

/** What the route declares of its requests. */
interface Terms {
  readonly headMs: number;
  /** Whether a request with an `Idempotency-Key` may be sent again. */
  readonly honoursKeys: boolean;
}

/** One request on its way through. As long as nothing was answered, the gateway answers an error, as on a route of its own. */
class Passing implements Receiver {
  readonly #proxy: ProxyTarget;
  readonly #reply: FastifyReply;
  readonly #response: ServerResponse;
  readonly #edge: Edge;
  readonly #refuse: HookHandlerDoneFunction;
  #sending: Sending | undefined;
  #span: Span | undefined;
  /** As many bytes as the answer's body has; -1 where that is not known. */
  #length = -1;
  /** A body that came in one piece. */
  #body: Buffer | undefined;

  constructor(proxy: ProxyTarget, reply: FastifyReply, edge: Edge, refuse: HookHandlerDoneFunction) {
    this.#proxy = proxy;
    this.#reply = reply;
    this.#response = reply.raw;
    this.#edge = edge;
    this.#refuse = refuse;
  }

  begin(request: IncomingMessage, terms: Terms): void {
    this.#response.once('close', () => this.#leave());
    if (!hasBody(request)) this.#send(request, terms, undefined);
    else if (isSmall(request)) readBody(request, (body) => this.#send(request, terms, body));
    else
      this.#send(
        request,
        terms,
        streamBody(request, () => this.#leave()),
      );
  }

  #send(request: IncomingMessage, { headMs, honoursKeys }: Terms, body: Buffer | AsyncIterable<Buffer> | undefined): void {
    if (this.#response.destroyed) return;
    const { context, clientIp } = this.#edge;
    const { method = 'GET', url = '/' } = request;
    this.#span = startCallSpan(context, this.#proxy.upstream.name, method);
    const headers = forwardedHeaders(request.headers);
    const hasKey = honoursKeys && isAmong(headers, 'idempotency-key');
    headers.push('x-correlation-id', context.correlationId, 'traceparent', this.#span?.traceparent ?? context.traceparent);
    if (context.tracestate !== undefined) headers.push('tracestate', context.tracestate);
    headers.push(FORWARDED_HEADER, this.#proxy.forwarding(clientIp));
    this.#sending = this.#proxy.upstream.send({ method, path: url, headers, body, hasKey, headMs }, this);
  }

  head(status: number, headers: AnswerHeaders): void {
    const response = this.#response;
    if (this.#span !== undefined) recordAnswer(this.#span, status);
    this.#reply.hijack();
    const passed = answerHeaders(headers);
    joinLimits(response, passed);
    response.writeHead(status, passed);
    // A stream may send nothing for long: its head must not wait for it.
    if (headers['content-length'] === undefined) response.flushHeaders();
    else this.#length = Number(headers['content-length']);
  }

  data(chunk: Buffer): boolean {
    if (chunk.length === this.#length) {
      this.#body = chunk;
      return true;
    }
    if (this.#response.write(chunk)) return true;
    this.#response.once('drain', () => this.#sending?.resume());
    return false;
  }

  end(): void {
    if (this.#body === undefined) this.#response.end();
    else endWhole(this.#response, this.#body);
  }

  fail(error: AppError): void {
    this.#span?.fail(error.code);
    if (this.#response.destroyed) return;
    runInContext(this.#edge.context, () => {
      if (!this.#reply.sent) return this.#refuse(error);
      // Half an answer must not look like a whole one.
      this.#proxy.log.warn({ err: error.cause, upstream: this.#proxy.upstream.name }, 'an answer was broken off');
      this.#response.destroy();
    });
  }

  #leave(): void {
    this.#sending?.abort();
    this.#span?.end();
    this.#span = undefined;
  }
}
