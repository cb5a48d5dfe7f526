import { activePerson, stoaForLoad, tokensOf, usersDatabaseUrl } from './accounts.ts';
import { requestsPerSecond, startServer } from './load.ts';
import { inTurns, type Workload } from './workload.ts';

/** `GET /v1/users/me` through the gateway, everything on, beside a bare Fastify with pg that reads the same row for any caller. */
export const profile: Workload = async () => {
  await using system = await stoaForLoad();
  const { accessToken, user } = await tokensOf(system.url, await activePerson(system.url));
  await using bare = await startServer('bare-profile-server.ts', [usersDatabaseUrl(system.stoa), user.id]);
  const ours = { url: `${system.url}/v1/users/me`, headers: { authorization: `Bearer ${accessToken}` } };
  const theirs = { url: `${bare.url}/v1/users/me` };
  for (const target of [ours, theirs]) await requestsPerSecond({ ...target, duration: 2 });
  const { value, floor } = await inTurns(
    5,
    () => requestsPerSecond(ours),
    () => requestsPerSecond(theirs),
  );
  return [{ what: '`GET /v1/users/me`', value, unit: 'requests/s', floor, goal: '≥ 0.55' }];
};
