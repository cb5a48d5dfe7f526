import { type HealthPart, type Metrics, named, withTimeout } from '@stoa/service';
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { Answer, Media, withPage } from './open-api/answer.ts';
import { sendPage, wantsHtml } from './pages.ts';

const Part = named(
  'HealthPart',
  Type.Object({
    name: Type.String(),
    ok: Type.Boolean(),
    detail: Type.Optional(Type.String()),
    background: Type.Optional(Type.Literal(true, { description: 'Requests are served without it.' })),
  }),
);
const Readiness = named(
  'Readiness',
  Type.Object({
    status: Type.Enum(['ready', 'degraded', 'not ready'], {
      description: '`degraded`: requests are served, and a part behind them is not well.',
    }),
    parts: Type.Array(Part),
  }),
);
export type Readiness = Static<typeof Readiness>;

export interface Operations {
  readonly health: () => Promise<readonly HealthPart[]>;
  readonly metrics: Metrics;
  readonly readinessPage?: ((readiness: Readiness) => string) | undefined;
}

/** `/health/live`, `/health/ready` and `/metrics`: every instance answers them for itself; the gateway never routes them on. */
export function installOperations(http: FastifyInstance, { health, metrics, readinessPage }: Operations): void {
  http.get(
    '/health/live',
    {
      schema: {
        tags: ['operations'],
        summary: 'Whether the process runs',
        operationId: 'live',
        response: { 200: Answer('It runs.', named('Liveness', Type.Object({ status: Type.Literal('live') }))) },
      },
    },
    async () => ({ status: 'live' as const }),
  );
  http.get(
    '/health/ready',
    {
      schema: {
        tags: ['operations'],
        summary: 'Whether everything that is needed to serve is there, part by part',
        operationId: 'ready',
        response: {
          200: withPage('All that is needed is there.', Readiness),
          503: withPage('Something is missing, or the process ends soon.', Readiness, 'Retry-After'),
        },
      },
    },
    async (request, reply) => {
      const asked = await withTimeout(health(), HEALTH_LIMIT_MS, () => [LATE]).catch(() => [NOT_ASKED]);
      const parts = http.isDraining ? [DRAINING, ...asked] : asked;
      const isReady = parts.every(({ ok, background }) => ok || background);
      if (!isReady) void reply.code(503).header('retry-after', '1');
      const isWell = parts.every(({ ok }) => ok);
      const readiness: Readiness = { status: isWell ? 'ready' : isReady ? 'degraded' : 'not ready', parts: [...parts] };
      return readinessPage && wantsHtml(request.headers.accept) ? sendPage(reply, readinessPage(readiness)) : readiness;
    },
  );
  http.get(
    '/metrics',
    {
      schema: {
        tags: ['operations'],
        summary: 'Metrics in the format of Prometheus',
        operationId: 'metrics',
        response: { 200: Media('The metrics.', 'text/plain') },
      },
    },
    async (_request, reply) => {
      void reply.type(metrics.contentType);
      return metrics.metrics();
    },
  );
}

const DRAINING: HealthPart = { name: 'process', ok: false, detail: 'draining: it ends soon, and takes requests until then' };

/** A part that hangs must not block the caller: an orchestrator gives up after seconds, and would learn nothing. */
const HEALTH_LIMIT_MS = 5_000;
const LATE: HealthPart = { name: 'health', ok: false, detail: 'no answer within 5 s' };
const NOT_ASKED: HealthPart = { name: 'health', ok: false, detail: 'could not be asked' };
