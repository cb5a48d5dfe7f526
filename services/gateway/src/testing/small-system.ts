import { randomBytes } from 'node:crypto';
import { testIdentity } from '@stoa/auth/testing';
import { createHttp, type Http, problems } from '@stoa/http';
import { createKeys, createLog, createMetrics, defineErrors, type Service } from '@stoa/service';
import { Type } from 'typebox';
import { gateway } from '../index.ts';

const log = createLog({ level: 'silent' });
const errors = defineErrors({
  email_taken: {
    kind: 'conflict',
    title: 'This e-mail address is taken.',
    cause: 'Another account has this address, in whatever case it was written.',
    fix: 'Log in with it, or register `another` address.',
  },
});
const health = async () => [{ name: 'database', ok: true }];

/** Two services with a route or two behind a real gateway, listening on loopback. */
export async function startSmallSystem(): Promise<{ url: string; front: Http } & AsyncDisposable> {
  const metrics = createMetrics();
  const derive = createKeys(randomBytes(32).toString('base64'));
  const who = await testIdentity();
  const people = await createService('people', metrics);
  people.post(
    '/v1/people',
    {
      schema: {
        tags: ['people'],
        summary: 'Register a person',
        operationId: 'registerPerson',
        body: Type.Object({ email: Type.String({ format: 'email', examples: ['ada@example.com'] }) }, { additionalProperties: false }),
        response: {
          201: Type.Object({ email: Type.String() }, { description: 'Registered.' }),
          ...problems(errors, 'email_taken'),
        },
      },
    },
    async ({ body }, reply) => reply.code(201).send({ email: body.email }),
  );
  const letters = await createService('letters', metrics);
  letters.get(
    '/v1/letters/:id',
    {
      schema: {
        tags: ['letters'],
        summary: 'Read a letter',
        operationId: 'readLetter',
        params: Type.Object({ id: Type.String({ examples: ['7'] }) }),
        response: { 200: Type.Object({ text: Type.String() }, { description: 'The letter.' }) },
      },
    },
    async ({ params: { id } }) => ({ text: `letter ${id}` }),
  );
  for (const http of [people, letters]) await http.ready();
  const services = [people, letters].map((http): Service => {
    const name = http.serviceName;
    return { name, http: http as unknown as Service['http'], start: async () => {}, stop: async () => {}, health };
  });
  const front = (await gateway.create({ log, derive, identity: who.identity, metrics, services, asyncApi: { asyncapi: '3.0.0' } }))
    .http as unknown as Http;
  const url = await front.listen({ port: 0, host: '127.0.0.1' });
  return {
    url,
    front,
    async [Symbol.asyncDispose]() {
      for (const http of [front, people, letters]) await http.close();
      await who[Symbol.asyncDispose]();
    },
  };
}

const createService = (name: string, metrics: ReturnType<typeof createMetrics>) =>
  createHttp({ name, title: name, description: `All about ${name}.`, version: '1', log, metrics, errors: errors.catalogue, health });
