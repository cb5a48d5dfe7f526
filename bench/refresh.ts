import type autocannon from 'autocannon';
import { activePerson, stoaForLoad, tokensOf, usersDatabaseUrl } from './accounts.ts';
import { requestsPerSecond, startServer } from './load.ts';
import { inTurns, type Workload } from './workload.ts';

/** More than there are requests at once. */
const SESSIONS = 100;

/**
 * Refreshes per second over many sessions, each token the successor of the one before, beside a bare Fastify with pg that
 * rotates the same rows by the same statement and signs a token of the same size.
 */
export const refresh: Workload = async () => {
  await using system = await stoaForLoad();
  const person = await activePerson(system.url);
  const newTokens = () => Promise.all(Array.from({ length: SESSIONS }, async () => (await tokensOf(system.url, person)).refreshToken));
  const databaseUrl = usersDatabaseUrl(system.stoa);
  await using bare = await startServer('bare-refresh-server.ts', [databaseUrl, String(SESSIONS)]);
  const ours = async (duration?: number) => refreshesPerSecond(`${system.url}/v1/sessions/refresh`, await newTokens(), duration);
  const bareTokens = async () => (await (await fetch(`${bare.url}/sessions`, { method: 'POST' })).json()) as string[];
  const theirs = async (duration?: number) => refreshesPerSecond(`${bare.url}/v1/sessions/refresh`, await bareTokens(), duration);
  await ours(2);
  await theirs(2);
  const { value, floor } = await inTurns(5, ours, theirs);
  return [{ what: 'refreshes', value, unit: 'requests/s', floor, goal: '≥ 0.6' }];
};

/** Each request takes a token, and its answer puts the successor back. */
function refreshesPerSecond(url: string, tokens: string[], duration?: number): Promise<number> {
  const request: autocannon.Request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    setupRequest: (template) => ({ ...template, body: JSON.stringify({ refreshToken: tokens.shift() }) }),
    onResponse: (status, body) => {
      if (status === 200) tokens.push(JSON.parse(body).refreshToken);
    },
  };
  return requestsPerSecond({ url, requests: [request], ...(duration === undefined ? {} : { duration }) });
}
