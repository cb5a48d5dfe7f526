import { userOf } from '@stoa/auth';
import { Answer, type Cursors, type Http, NoBody, Page, PageQuery, pageOf, problems } from '@stoa/http';
import { type Clock, named } from '@stoa/service';
import { Type } from 'typebox';
import type { LogOut } from '../application/log-out.ts';
import type { RefreshSession } from '../application/refresh-session.ts';
import type { SessionStore } from '../application/session-ports.ts';
import type { Session } from '../domain/session.ts';
import { catalogue, errors } from '../errors.ts';
import { TokensAnswer, toTokensAnswer } from './session-answer.ts';

export interface SessionsRoutes {
  readonly refreshSession: RefreshSession;
  readonly sessions: SessionStore;
  readonly logOut: LogOut;
  readonly cursors: Cursors;
  readonly clock: Clock;
}

const RefreshBody = named(
  'Refresh',
  Type.Object(
    { refreshToken: Type.String({ maxLength: 200, description: 'The newest one of the session.' }) },
    { additionalProperties: false, examples: [{ refreshToken: 'stoa_rt_…' }] },
  ),
);
const SessionAnswer = named(
  'Session',
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    createdAt: Type.String({ format: 'date-time' }),
    lastUsedAt: Type.String({ format: 'date-time', description: 'When its tokens were refreshed last.' }),
    expiresAt: Type.String({ format: 'date-time', description: 'When it ends if it is not used.' }),
    address: Type.Union([Type.String(), Type.Null()], { description: 'Where it began; an IPv6 address by its /64.' }),
    device: Type.String({ description: 'What the client called itself.' }),
    current: Type.Boolean({ description: 'Whether it is the one of this request.' }),
  }),
);
const ListQuery = Type.Object(PageQuery, { additionalProperties: false });
const Params = Type.Object({ id: Type.String({ format: 'uuid' }) }, { additionalProperties: false });
const Ended = NoBody('Ended, with all of its tokens. No body.');

/** A person's own sessions: refresh, list, log out. */
export function sessionsRoutes(http: Http, { refreshSession, sessions, logOut, cursors, clock }: SessionsRoutes): void {
  const tags = ['sessions'];

  http.post(
    '/v1/sessions/refresh',
    {
      config: { access: 'anyone' },
      schema: {
        tags,
        operationId: 'refreshSession',
        summary: 'Change the refresh token for a new pair of tokens',
        description:
          'The same token gives the same successor for ten seconds, in case the answer was lost. Used later, it ends the session.',
        body: RefreshBody,
        response: {
          200: Answer('The next pair.', TokensAnswer),
          ...problems(catalogue, 'refresh_token_invalid', 'refresh_token_reused'),
        },
      },
    },
    async (request) => toTokensAnswer(await refreshSession(request.body.refreshToken)),
  );

  http.get(
    '/v1/sessions',
    {
      config: { access: 'user' },
      schema: {
        tags,
        operationId: 'listSessions',
        summary: 'List your sessions, newest first',
        querystring: ListQuery,
        response: {
          200: Answer('The sessions of one page.', named('SessionPage', Page(SessionAnswer))),
          ...problems(catalogue, 'invalid_cursor'),
        },
      },
    },
    async (request) => {
      const { id, sessionId } = userOf(request);
      const { limit, cursor } = request.query;
      const scope = ['sessions', id];
      const [after] = cursors.decode<[string]>(scope, cursor) ?? [];
      const live = await sessions.liveOf(id, clock.now(), { limit: limit + 1, after });
      return pageOf(
        live,
        limit,
        (session) => toSessionAnswer(session, sessionId),
        (last) => cursors.encode(scope, [last.id]),
      );
    },
  );

  http.delete(
    '/v1/sessions/current',
    {
      config: { access: 'user' },
      schema: { tags, operationId: 'logOut', summary: 'Log out here', response: { 204: Ended } },
    },
    async (request, reply) => {
      const { id, sessionId } = userOf(request);
      await logOut.session(id, sessionId);
      await reply.code(204).send(undefined);
    },
  );

  http.delete(
    '/v1/sessions/:id',
    {
      config: { access: 'user' },
      schema: {
        tags,
        operationId: 'logOutThere',
        summary: 'Log out on one device',
        params: Params,
        response: { 204: Ended, ...problems(catalogue, 'session_not_found') },
      },
    },
    async (request, reply) => {
      if (!(await logOut.session(userOf(request).id, request.params.id))) throw errors.session_not_found();
      await reply.code(204).send(undefined);
    },
  );

  http.delete(
    '/v1/sessions',
    {
      config: { access: 'user' },
      schema: { tags, operationId: 'logOutEverywhere', summary: 'Log out everywhere, here too', response: { 204: Ended } },
    },
    async (request, reply) => {
      await logOut.everywhere(userOf(request).id);
      await reply.code(204).send(undefined);
    },
  );
}

const toSessionAnswer = ({ id, createdAt, refreshedAt, idleExpiresAt, address, device }: Session, current: string) => ({
  id,
  createdAt: createdAt.toISOString(),
  lastUsedAt: refreshedAt.toISOString(),
  expiresAt: idleExpiresAt.toISOString(),
  address,
  device,
  current: id === current,
});
