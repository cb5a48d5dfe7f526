import { userOf } from '@stoa/auth';
import { Answer, type Cursors, entityTag, type Http, Page, PageQuery, pageOf, problems } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { ListUsers, Match, ReadProfile } from '../application/user-list.ts';
import { parseUserSearch } from '../domain/user-search.ts';
import { catalogue, errors } from '../errors.ts';
import { toAnswer, UserAnswer } from './user-answer.ts';

export interface ReadUsersRoutes {
  readonly readProfile: ReadProfile;
  readonly listUsers: ListUsers;
  readonly cursors: Cursors;
}

const ListQuery = Type.Object(
  {
    ...PageQuery,
    q: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description:
          'A part of e-mail address, login, name or phone number, in any letter case and notation; one or two characters must begin a word. With an @ or a digit what begins with it is found alone, if there is any. What is in none finds what is spelt alike.',
      }),
    ),
    status: Type.Optional(Type.Enum(['pending', 'active', 'blocked'])),
    role: Type.Optional(Type.String({ minLength: 1, maxLength: 32, description: 'Only accounts that have this role.' })),
  },
  { additionalProperties: false },
);
export const UserId = Type.Object({ id: Type.String({ format: 'uuid' }) }, { additionalProperties: false });

/** Reading accounts: one's own, one by its id, and the list with its search. */
export function readUsersRoutes(http: Http, { readProfile, listUsers, cursors }: ReadUsersRoutes): void {
  const tags = ['users'];

  http.get(
    '/v1/users/me',
    {
      config: { access: 'user' },
      schema: {
        tags,
        operationId: 'readProfile',
        summary: 'Read your own account',
        response: { 200: Answer('The account.', UserAnswer, 'ETag'), ...problems(catalogue, 'user_not_found') },
      },
    },
    async (request, reply) => {
      const user = await readProfile(userOf(request).id);
      if (user === undefined) throw errors.user_not_found();
      void reply.header('etag', entityTag(user.version));
      return toAnswer(user);
    },
  );

  http.get(
    '/v1/users/:id',
    {
      config: { access: { permission: 'users:read' } },
      schema: {
        tags,
        operationId: 'readUser',
        summary: 'Read an account',
        params: UserId,
        response: { 200: Answer('The account.', UserAnswer, 'ETag'), ...problems(catalogue, 'user_not_found') },
      },
    },
    async (request, reply) => {
      const user = await readProfile(request.params.id);
      if (user === undefined) throw errors.user_not_found();
      void reply.header('etag', entityTag(user.version));
      return toAnswer(user);
    },
  );

  http.get(
    '/v1/users',
    {
      config: { access: { permission: 'users:read' } },
      schema: {
        tags,
        operationId: 'listUsers',
        summary: 'List and search accounts, newest first',
        querystring: ListQuery,
        response: {
          200: Answer('The accounts of one page.', named('UserPage', Page(UserAnswer))),
          ...problems(catalogue, 'invalid_cursor'),
        },
      },
    },
    async (request) => {
      const { limit, cursor, q, status, role } = request.query;
      const scope = ['users', { q, status, role }];
      const [id, match] = cursors.decode<[string, Match]>(scope, cursor) ?? [];
      const search = q === undefined ? undefined : parseUserSearch(q);
      if (q !== undefined && search === undefined) return { items: [], nextCursor: null };
      const after = id === undefined || match === undefined ? undefined : { id, match };
      const found = await listUsers({ search, status, role }, { limit: limit + 1, after });
      return pageOf(found.users, limit, toAnswer, (last) => cursors.encode(scope, [last.id, found.match]));
    },
  );
}
