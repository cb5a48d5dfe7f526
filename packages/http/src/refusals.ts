import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type AppError, createContext, type Logger } from '@stoa/service';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { edgeOf } from './edge.ts';
import { httpErrors } from './http-errors.ts';
import { PROBLEM_TYPE, problemHeaders, statusOf, toProblem } from './problem.ts';
import { toAppError } from './to-app-error.ts';

/** Every error of an instance, from wherever it comes, leaves as a problem. */
export function installRefusals(http: FastifyInstance, log: Logger): void {
  http.setErrorHandler((error, request, reply) => sendProblem(request, reply, toAppError(error), log));
  http.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(http, request.url);
    const error = allowed.length > 0 ? httpErrors.method_not_allowed({ headers: { allow: allowed.join(', ') } }) : httpErrors.not_found();
    return sendProblem(request, reply, error, log);
  });
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: AppError, log: Logger): FastifyReply {
  if (error.kind === 'internal') log.error({ err: error.cause ?? error }, 'request failed');
  return reply
    .code(statusOf[error.kind])
    .headers(problemHeaders(error))
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(toProblem(error, edgeOf(request.raw)?.context.correlationId ?? request.id));
}

/** Answers what Node refuses before there is a request: malformed, too large headers, too slow. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const refusal = refusalOf(error.code);
  const status = statusOf[refusal.kind];
  const { correlationId } = createContext();
  const body = JSON.stringify(toProblem(refusal, correlationId));
  const headers = {
    'content-type': PROBLEM_TYPE,
    'content-length': Buffer.byteLength(body),
    'x-correlation-id': correlationId,
    'cache-control': 'no-store',
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
}

function refusalOf(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return httpErrors.headers_too_large();
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return httpErrors.request_timeout();
  return httpErrors.malformed_request();
}

/** Which methods a path has: asked only when it had not the one that came. */
function methodsOf(http: FastifyInstance, url: string): string[] {
  const path = url.split('?', 1)[0] as string;
  const matching = http.declaredRoutes.filter((route) => patternOf(route.url).test(path));
  return [...new Set(matching.map(({ method }) => method))].sort();
}

const patternOf = (url: string) => {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/:\w+/g, '[^/]+').replace(/\*/g, '.*')}$`);
};
