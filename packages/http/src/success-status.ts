import type { FastifyInstance } from 'fastify';

/**
 * What a handler returns is sent with the status of success that its route declares, so that it is declared once: `response: { 201: … }`.
 * A handler of a route with `NoBody` returns nothing. Of several that are declared it is the lowest, unless the handler sets another one.
 */
export function installSuccessStatus(http: FastifyInstance): void {
  http.addHook('onRoute', (route) => {
    // Names that are numbers come in their order.
    const statuses = Object.keys(route.schema?.response ?? {}).map(Number);
    const status = statuses.find((each) => each >= 200 && each < 300);
    if (status === undefined || status === 200) return;
    const { handler } = route;
    route.handler = function (request, reply) {
      return handler.call(this, request, reply.code(status));
    };
  });
}
