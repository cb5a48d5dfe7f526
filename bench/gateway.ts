import { requestsPerSecond, startServer } from './load.ts';
import { inTurns, type Workload } from './workload.ts';

/** A trivial route of a service behind the gateway, in the same process, beside a bare Fastify. Both in processes of their own. */
export const gateway: Workload = async () => {
  await using ours = await startServer('gateway-server.ts');
  await using bare = await startServer('bare-server.ts');
  const [ourUrl, bareUrl] = [`${ours.url}/v1/hello`, `${bare.url}/v1/hello`];
  for (const url of [ourUrl, bareUrl]) await requestsPerSecond({ url, duration: 1 });
  const { value, floor } = await inTurns(
    5,
    () => requestsPerSecond({ url: ourUrl }),
    () => requestsPerSecond({ url: bareUrl }),
  );
  return [{ what: 'trivial route through the gateway', value, unit: 'requests/s', floor, goal: '≥ 0.4' }];
};
