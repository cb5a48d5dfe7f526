import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type AppError, createContext, type Logger } from '@stoa/service';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { edgeOf } from './edge.ts';
import { httpErrors } from './http-errors.ts';
import { createMethodsOf } from './methods-of.ts';
import { PROBLEM_TYPE, problemHeaders, statusOf, toProblem } from './problem.ts';
import { SECURITY_HEADERS } from './security-headers.ts';
import { toAppError } from './to-app-error.ts';

/** Every error of an instance, from wherever it comes, leaves as a problem. */
export function installRefusals(http: FastifyInstance, log: Logger): void {
  const methodsOf = createMethodsOf(http.declaredRoutes);
  http.setErrorHandler((error, request, reply) => {
    // Fastify hangs up after a refused body. A client that is still sending would lose the answer: Node reads on and drops the rest.
    if (!http.ending.aborted) void reply.removeHeader('connection');
    return sendProblem(request, reply, toAppError(error), log);
  });
  http.setNotFoundHandler((request, reply) => {
    const allowed = methodsOf(request.url);
    const isOther = allowed.length > 0 && !allowed.includes(request.method);
    const error = isOther ? httpErrors.method_not_allowed({ headers: { allow: allowed.join(', ') } }) : httpErrors.not_found();
    return sendProblem(request, reply, error, log);
  });
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: AppError, log: Logger): FastifyReply {
  if (error.kind === 'internal') log.error({ err: error.cause ?? error }, 'request failed');
  else if (error.kind === 'unavailable' && error.cause !== undefined) log.warn({ err: error.cause }, 'request could not be served');
  return reply
    .code(statusOf[error.kind])
    .headers(problemHeaders(error))
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(toProblem(error, edgeOf(request.raw).context.correlationId));
}

/** Answers what Node refuses before there is a request, or while its body comes: malformed, too large headers, too slow. */
export function createClientErrorHandler(log: Logger): (error: NodeJS.ErrnoException, socket: Socket) => void {
  return (error, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) return void socket.destroy(error);
    const refusal = refusalOf(error.code);
    const status = statusOf[refusal.kind];
    const { correlationId } = createContext();
    log.info(
      { status, problem: refusal.code, reason: error.code, clientIp: socket.remoteAddress, correlationId },
      'request refused unread',
    );
    const body = JSON.stringify(toProblem(refusal, correlationId));
    const headers = {
      ...SECURITY_HEADERS,
      'content-type': PROBLEM_TYPE,
      'content-length': Buffer.byteLength(body),
      'x-correlation-id': correlationId,
      connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  };
}

/** Whether an answer has begun to leave: bytes of another would end up inside it. Node's own handler asks the same. */
const isAnswering = (socket: Socket) => (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent === true;

function refusalOf(code: string | undefined): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return httpErrors.headers_too_large();
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return httpErrors.request_timeout();
  return httpErrors.malformed_request();
}
