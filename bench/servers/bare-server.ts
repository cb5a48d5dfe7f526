import { fastify } from 'fastify';

/** Fastify as its own documentation shows it: the floor of the gateway. */
const http = fastify();
http.get('/v1/hello', { schema: { response: { 200: { type: 'object', properties: { hello: { type: 'string' } } } } } }, async () => ({
  hello: 'world',
}));
console.log(await http.listen({ port: 0, host: '127.0.0.1' }));
