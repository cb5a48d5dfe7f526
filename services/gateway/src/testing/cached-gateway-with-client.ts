import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { eventually } from '@stoa/service/testing';
import { expect } from 'vitest';
import { type Answer, startCachedGateway } from './cached-gateway.ts';

let numbers = 0;
/** A number that no other test has. */
export const unique = () => ++numbers;
/** A path that nobody has asked for. */
export const note = () => `/v1/notes/note-${unique()}`;

/** A cached gateway with a client that keeps its connections, and what tests of the cache ask most. */
export async function startCachedGatewayWithClient(where: 'here' | 'elsewhere') {
  const system = await startCachedGateway({ where });
  const agent = new Agent({ keepAlive: true });

  /** A request that the test ends itself. */
  const begin = (path: string, options: RequestOptions = {}) => request(`${system.url}${path}`, { agent, ...options });

  return {
    ...system,
    begin,
    async ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
      const sent = begin(path, { method, headers });
      sent.end();
      const [answer] = await once(sent, 'response');
      const body = (await buffer(answer)).toString();
      return { status: answer.statusCode as number, headers: answer.headers as IncomingHttpHeaders, body };
    },
    /** How often the service was asked for this. */
    async askedBy(work: () => Promise<unknown>): Promise<number> {
      const before = system.asked();
      await work();
      return system.asked() - before;
    },
    /** The service waits with its answer until `open` is called. */
    hold(then: Answer = () => ({ held: true })) {
      const { promise, resolve } = Promise.withResolvers<void>();
      system.answers(async (asked, reply) => {
        await promise;
        return then(asked, reply);
      });
      return { open: resolve };
    },
    /** Waits until the service was asked so many times more than `since`. */
    isAsked: (times: number, since: number) => eventually(() => expect(system.asked() - since).toBe(times)),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await system[Symbol.asyncDispose]();
    },
  };
}

export type CachedGatewayWithClient = Awaited<ReturnType<typeof startCachedGatewayWithClient>>;
