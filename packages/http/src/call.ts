import { AppError, contextHeaders, currentContext, withTimeout } from '@stoa/service';
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { inCallSpan } from './call-spans.ts';
import { httpErrors } from './http-errors.ts';
import { readAnswer } from './upstream/read-answer.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Where a service is: in this process, or in others. */
export type ServiceLocation = { readonly inject: FastifyInstance['inject'] } | { readonly upstream: Upstream };

/** @returns `undefined` for a service that is nowhere. */
export type Locate = (service: string) => ServiceLocation | undefined;

export interface CallerOptions {
  readonly locate: Locate;
  /** The `Authorization` header of this service. */
  readonly credential: string;
  readonly timeoutMs?: number;
}

export interface Call {
  readonly method: HTTPMethods;
  readonly path: string;
  readonly body?: object;
}

export interface CallAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Asks another service and waits for its answer. */
export type CallService = (service: string, call: Call) => Promise<CallAnswer>;

/**
 * Calls between services. In the same process they go by `inject`, elsewhere over the network: schema, credential, time limit and error
 * envelope are the same.
 * @returns any answer below 500. @throws 503 `service_unavailable` when the service is away, fails, or is too slow.
 */
export function createCaller({ locate, credential, timeoutMs = 5_000 }: CallerOptions): CallService {
  return async (service, call) => {
    const place = locate(service);
    if (place === undefined) throw unavailable(service, 'is not running here');
    const answer = await inCallSpan(service, call.method, () => {
      const headers = { authorization: credential, ...contextHeaders(currentContext()) };
      if ('upstream' in place) return askUpstream(place.upstream, call, headers, timeoutMs);
      return inTime(inject(place, call, headers), timeoutMs, service);
    });
    if (answer.status >= 500) throw unavailable(service, `answered ${answer.status}`);
    return { status: answer.status, body: answer.body === '' ? undefined : readJson(answer.body, service) };
  };
}

interface TextAnswer {
  readonly status: number;
  readonly body: string;
}

async function inject(
  place: { readonly inject: FastifyInstance['inject'] },
  { method, path, body }: Call,
  headers: Record<string, string>,
): Promise<TextAnswer> {
  const answer = await place.inject({ method, url: path, headers, ...(body === undefined ? {} : { payload: body }) });
  return { status: answer.statusCode, body: answer.body };
}

function askUpstream(
  upstream: Upstream,
  { method, path, body }: Call,
  headers: Record<string, string>,
  timeoutMs: number,
): Promise<TextAnswer> {
  const type = body === undefined ? [] : ['content-type', 'application/json'];
  return readAnswer(
    upstream,
    {
      method,
      path,
      headers: [...Object.entries(headers).flat(), ...type],
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    },
    timeoutMs,
  );
}

function readJson(body: string, service: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw unavailable(service, 'answered what is not JSON', cause);
  }
}

async function inTime<T>(work: Promise<T>, timeoutMs: number, service: string): Promise<T> {
  const late = () => {
    throw unavailable(service, `did not answer within ${timeoutMs} ms`);
  };
  try {
    return await withTimeout(work, timeoutMs, late);
  } catch (error) {
    throw error instanceof AppError ? error : unavailable(service, 'could not be called', error);
  }
}

const unavailable = (service: string, what: string, cause?: unknown) =>
  httpErrors.service_unavailable({ message: `The service ${service} ${what}.`, cause });
