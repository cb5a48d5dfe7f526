import { userOf } from '@stoa/auth';
import {
  Answer,
  type Cursors,
  type Http,
  IdParams,
  NoBody,
  Nullable,
  Page,
  PageQuery,
  problems,
  StrictObject,
  Timestamp,
} from '@stoa/http';
import { type Clock, named } from '@stoa/service';
import { Type } from 'typebox';
import type { LogOut } from '../application/log-out.ts';
import type { RefreshSession } from '../application/refresh-session.ts';
import type { SessionStore } from '../application/session-ports.ts';
import type { Session } from '../domain/session.ts';
import { errors } from '../errors.ts';
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
  StrictObject(
    { refreshToken: Type.String({ maxLength: 200, description: 'The newest one of the session.' }) },
    { examples: [{ refreshToken: 'stoa_rt_…' }] },
  ),
);
const SessionAnswer = named(
  'Session',
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    createdAt: Timestamp(),
    lastUsedAt: Timestamp({ description: 'When its tokens were refreshed last.' }),
    expiresAt: Timestamp({ description: 'When it ends if it is not used.' }),
    address: Nullable(Type.String(), { description: 'The client IP of its log-in; of IPv6 its /64.' }),
    device: Type.String({ description: 'What the client called itself.' }),
    current: Type.Boolean({ description: 'Whether it is the one of this request.' }),
  }),
);
const Ended = NoBody('Ended, with all of its tokens. No body.');
const tags = ['sessions'];

/** A person's own sessions: refresh, list, log out. */
export function sessionsRoutes(http: Http, { refreshSession, sessions, logOut, cursors, clock }: SessionsRoutes): void {
  http.post(
    '/v1/sessions/refresh',
    {
      config: { access: 'anyone' },
      schema: {
        tags,
        operationId: 'refreshSession',
        summary: 'Exchange the refresh token for a new pair of tokens',
        description:
          'The same token gives the same successor for ten seconds, in case the answer was lost. Used later, it ends the session.',
        body: RefreshBody,
        response: { 200: Answer('The next pair.', TokensAnswer), ...problems(errors, 'refresh_token_invalid', 'refresh_token_reused') },
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
        querystring: PageQuery(),
        response: { 200: Answer('The sessions of one page.', Page('SessionPage', SessionAnswer)) },
      },
    },
    async (request) => {
      const { id, sessionId } = userOf(request);
      const page = cursors.page(['sessions', id], request.query);
      const live = await sessions.liveOf(id, clock.now(), page);
      return page.answer(
        live,
        (session) => session.id,
        (session) => toSessionAnswer(session, sessionId),
      );
    },
  );

  http.delete(
    '/v1/sessions/current',
    {
      config: { access: 'user' },
      schema: { tags, operationId: 'logOut', summary: 'Log out here', response: { 204: Ended } },
    },
    async (request) => {
      const { id, sessionId } = userOf(request);
      await logOut.session(id, sessionId);
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
        params: IdParams(),
        response: { 204: Ended, ...problems(errors, 'session_not_found') },
      },
    },
    async (request) => {
      if (!(await logOut.session(userOf(request).id, request.params.id))) throw errors.session_not_found();
    },
  );

  http.delete(
    '/v1/sessions',
    {
      config: { access: 'user' },
      schema: { tags, operationId: 'logOutEverywhere', summary: 'Log out everywhere, here too', response: { 204: Ended } },
    },
    async (request) => {
      await logOut.everywhere(userOf(request).id);
    },
  );
}

const toSessionAnswer = ({ id, createdAt, refreshedAt, idleExpiresAt, clientIp, device }: Session, current: string) => ({
  id,
  createdAt,
  lastUsedAt: refreshedAt,
  expiresAt: idleExpiresAt,
  address: clientIp,
  device,
  current: id === current,
});
