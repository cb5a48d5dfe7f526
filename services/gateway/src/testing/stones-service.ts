import { Readable } from 'node:stream';
import type { TestIdentity } from '@stoa/auth/testing';
import { edgeOf } from '@stoa/http';
import { Type } from 'typebox';
import { createRemote } from './remote-system.ts';

/** The most bytes of a body that `POST /v1/stones` takes. */
export const LARGE = 1_100_000;
const BIG = 64 * 1_048_576;

/** A service with one route for each kind of answer, and what a test sees and holds of it. */
export async function createStones(who: TestIdentity) {
  const http = await createRemote('stones', who, async () => [{ name: 'database', ok: true }]);
  const stones = {
    http,
    /** Holds answers back. */
    gate: Promise.withResolvers<void>(),
    /** Streams whose client has gone. */
    left: [] as string[],
    /** So many bytes of `/v1/stones/big` are on their way. */
    produced: 0,
    reset() {
      stones.gate.resolve();
      stones.gate = Promise.withResolvers();
      stones.left = [];
      stones.produced = 0;
    },
  };
  const config = { access: 'anyone' } as const;
  const querystring = Type.Object({ a: Type.Optional(Type.String()) }, { additionalProperties: false });
  http.get('/v1/stones/seen', { config, schema: { querystring } }, async ({ headers, clientIp, context }) => ({
    headers,
    address: clientIp,
    correlationId: context.correlationId,
  }));
  http.get('/v1/stones/mine', { config: { access: 'user' } }, async () => ({ mine: true }));
  const body = Type.Object({ text: Type.String({ maxLength: LARGE }) }, { additionalProperties: false });
  http.post('/v1/stones', { config, bodyLimit: LARGE, schema: { body } }, async ({ body: { text } }, reply) =>
    reply.code(201).send({ length: text.length, end: text.slice(-3) }),
  );
  http.delete('/v1/stones/:id', { config }, async (_request, reply) => reply.code(204).send());
  http.get('/v1/stones/big', { config }, async (_request, reply) => {
    const chunk = Buffer.alloc(65_536, 'a');
    const stream = new Readable({
      read() {
        stones.produced += chunk.length;
        this.push(stones.produced > BIG ? null : chunk);
      },
    });
    return reply.type('application/octet-stream').send(stream);
  });
  http.get('/v1/stones/events', { config }, async (request, reply) => {
    const stream = new Readable({ read() {} });
    request.raw.socket.once('close', () => stones.left.push('events'));
    stream.push('data: 1\n\n');
    void stones.gate.promise.then(() => stream.push('data: 2\n\n'));
    return reply.type('text/event-stream').send(stream);
  });
  http.get('/v1/stones/held', { config: { ...config, waitSeconds: 60 } }, async (request) => {
    await stones.gate.promise;
    return { held: edgeOf(request.raw).route };
  });
  http.get('/v1/stones/two-cookies', { config }, async (_request, reply) => reply.header('set-cookie', ['a=1', 'b=2']).send({}));
  return stones;
}
