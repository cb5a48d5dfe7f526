import { startTestServer } from '@stoa/postgres/testing';
import { requestsPerSecond, startServer } from './load.ts';
import { inTurns, type Workload } from './workload.ts';

/** A public page of twenty rows through the gateway, kept by it, beside the same page read from PostgreSQL each time. */
export const cached: Workload = async () => {
  await using stack = new AsyncDisposableStack();
  const postgres = stack.adopt(await startTestServer(), ({ stop }) => stop());
  await using server = await startServer('cached-server.ts', [postgres.url]);
  const [kept, unkept] = [`${server.url}/v1/notes`, `${server.url}/v1/unkept-notes`];
  for (const url of [kept, unkept]) await requestsPerSecond({ url, duration: 1 });
  const { value, floor } = await inTurns(
    5,
    () => requestsPerSecond({ url: kept }),
    () => requestsPerSecond({ url: unkept }),
  );
  return [{ what: 'cached GET through the gateway, beside uncached', value, unit: 'requests/s', floor, goal: '≥ 3' }];
};
