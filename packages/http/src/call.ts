import { AppError, currentContext } from '@stoa/service';
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { httpErrors } from './http-errors.ts';

/** Where a service is: in this process, or nowhere. (By URL, once services run in processes of their own.) */
export type Locate = (service: string) => { readonly inject: FastifyInstance['inject'] } | undefined;

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
export type Caller = (service: string, call: Call) => Promise<CallAnswer>;

/**
 * Calls between services. In the same process they go by `inject`: schema, credential, time limit and error envelope are
 * those of a call over the network.
 * @returns any answer below 500. @throws 503 `service_unavailable` when the service is away, fails, or is too slow.
 */
export function createCaller({ locate, credential, timeoutMs = 5_000 }: CallerOptions): Caller {
  return async (service, { method, path, body }) => {
    const place = locate(service);
    if (place === undefined) throw unavailable(service, 'is not running here');
    const context = currentContext();
    const headers = {
      authorization: credential,
      ...(context === undefined ? {} : { 'x-correlation-id': context.correlationId, traceparent: context.traceparent }),
    };
    const answer = await withinTime(
      place.inject({ method, url: path, headers, ...(body === undefined ? {} : { payload: body }) }),
      timeoutMs,
      service,
    );
    if (answer.statusCode >= 500) throw unavailable(service, `answered ${answer.statusCode}`);
    return { status: answer.statusCode, body: answer.body === '' ? undefined : readJson(answer.body, service) };
  };
}

function readJson(body: string, service: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw unavailable(service, 'answered what is not JSON', cause);
  }
}

async function withinTime<T>(work: Promise<T>, timeoutMs: number, service: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(unavailable(service, `did not answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, promise]);
  } catch (error) {
    throw error instanceof AppError ? error : unavailable(service, 'could not be called', error);
  } finally {
    clearTimeout(timer);
  }
}

const unavailable = (service: string, what: string, cause?: unknown) =>
  httpErrors.service_unavailable({ message: `The service ${service} ${what}.`, cause });
