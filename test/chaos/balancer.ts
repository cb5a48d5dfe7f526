import { Agent, request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pod } from './pod.ts';

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly contentType: string | undefined;
  readonly body: unknown;
}

/** `unreached`: no gateway took the connection, so no request was sent. `broken`: a request was sent, and no answer came. */
export type Outcome = Answer | { readonly status: 'unreached' | 'broken'; readonly reason: string };

export interface Balancer {
  post(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Outcome>;
  close(): Promise<void>;
}

const CHECK_EVERY_MS = 250;
/** Shorter than the product keeps a connection, as every load balancer is set up. */
const IDLE_MS = 1_000;
const ANSWER_LIMIT_MS = 45_000;

/**
 * A load balancer of the usual kind in front of the gateways: it keeps connections alive, polls the readiness of each, takes turns over
 * those that are ready, and goes to the next one when a connection is refused. A request that was sent is never sent again.
 */
export function startBalancer(gateways: readonly Pod[]): Balancer {
  const agents = new Map(gateways.map((gateway) => [gateway, new Agent({ keepAlive: true, timeout: IDLE_MS })]));
  const ready = new Set(gateways);
  const closing = new AbortController();
  const checking = gateways.map(async (gateway) => {
    while (!closing.signal.aborted) {
      if ((await gateway.readiness()) === 200) ready.add(gateway);
      else ready.delete(gateway);
      await delay(CHECK_EVERY_MS, undefined, { signal: closing.signal }).catch(() => {});
    }
  });
  let turn = 0;

  /** The ready ones in turn; when none is ready, all of them, as one may be ready by now. */
  function order(): Pod[] {
    const candidates = ready.size > 0 ? gateways.filter((gateway) => ready.has(gateway)) : [...gateways];
    const first = turn++ % candidates.length;
    const others = gateways.filter((gateway) => !candidates.includes(gateway));
    return [...candidates.slice(first), ...candidates.slice(0, first), ...others];
  }

  return {
    async post(path, body, headers = {}) {
      let outcome: Outcome = { status: 'unreached', reason: 'no gateway' };
      for (const gateway of order()) {
        outcome = await ask(gateway, agents.get(gateway) as Agent, path, JSON.stringify(body), headers);
        if (outcome.status !== 'unreached') break;
      }
      return outcome;
    },
    async close() {
      closing.abort();
      await Promise.all(checking);
      for (const agent of agents.values()) agent.destroy();
    },
  };
}

function ask(gateway: Pod, agent: Agent, path: string, body: string, headers: Readonly<Record<string, string>>): Promise<Outcome> {
  return new Promise((resolve) => {
    let connected = false;
    const request = httpRequest(`${gateway.url}${path}`, {
      agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
    });
    const timer = setTimeout(() => request.destroy(new Error('no answer')), ANSWER_LIMIT_MS);
    const fail = (error: Error) => {
      clearTimeout(timer);
      const { code = error.message } = error as NodeJS.ErrnoException;
      const kept = request.reusedSocket ? ' on a kept connection' : '';
      resolve({ status: connected ? 'broken' : 'unreached', reason: `${gateway.name}: ${code}${kept}` });
    };
    request.on('socket', (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once('connect', () => (connected = true));
    });
    request.on('error', fail);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('close', () => {
        if (!response.complete) return fail(new Error('half an answer'));
        clearTimeout(timer);
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode as number,
          retryAfter: response.headers['retry-after'],
          contentType: response.headers['content-type'],
          body: parse(text),
        });
      });
    });
    request.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
