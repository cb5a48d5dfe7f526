import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What the other side does with a call: a status answers it, `hang` takes it and does not answer, `reset` takes it and hangs up. */
export type Behaviour = number | 'hang' | 'reset' | { readonly status: number; readonly afterMs: number };

/** The other side of calls: a real HTTP server that does as it is told. */
export interface Outside extends AsyncDisposable {
  readonly url: string;
  /** Every call that came, answered or not. */
  readonly calls: { readonly task: string; readonly key: string; readonly body: string }[];
  behave(behaviour: Behaviour | ((task: string) => Behaviour)): void;
  /** Answers a call of this task that hangs. */
  answer(task: string, call: number, status?: number): void;
  /** How many are not answered. */
  hanging(): number;
}

export async function startOutside(): Promise<Outside> {
  let behaviour: (task: string) => Behaviour = () => 200;
  const calls: Outside['calls'] = [];
  const open = new Map<(typeof calls)[number], ServerResponse>();
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const call = { task: String(request.headers['task-id']), key: String(request.headers['idempotency-key']), body };
    const now = behaviour(call.task);
    calls.push(call);
    open.set(call, response);
    response.once('close', () => open.delete(call));
    if (now === 'reset') response.destroy();
    else if (typeof now === 'number') end(response, now);
    else if (now !== 'hang') setTimeout(() => end(response, now.status), now.afterMs);
  });
  const end = (response: ServerResponse, status: number): void => void response.writeHead(status).end(`answer ${status}`);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    calls,
    behave: (next) => {
      behaviour = typeof next === 'function' ? next : () => next;
    },
    answer(task, number, status = 200) {
      const call = calls.filter((each) => each.task === task)[number];
      const response = call && open.get(call);
      if (response === undefined) throw new Error(`no call ${number} of ${task} hangs`);
      end(response, status);
    },
    hanging: () => open.size,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
