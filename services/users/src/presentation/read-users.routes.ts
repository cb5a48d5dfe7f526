import { userOf } from '@stoa/auth';
import { Answer, type Cursors, type Http, IdParams, Page, PageQuery, problems, withETag } from '@stoa/http';
import { orThrow } from '@stoa/service';
import { Type } from 'typebox';
import type { ListUsers, Match, ReadProfile } from '../application/user-list.ts';
import { parseUserSearch } from '../domain/user-search.ts';
import { errors } from '../errors.ts';
import { UserAnswer } from './user-answer.ts';

export interface ReadUsersRoutes {
  readonly readProfile: ReadProfile;
  readonly listUsers: ListUsers;
  readonly cursors: Cursors;
}

const ListQuery = PageQuery({
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'A part of e-mail address, login, name or phone number, in any letter case and notation; one or two characters must begin a word. For a text with an @ or a digit only what begins with it is found, if there is any. If nothing contains the text, similar spellings are found.',
    }),
  ),
  status: Type.Optional(Type.Enum(['pending', 'active', 'blocked'])),
  role: Type.Optional(Type.String({ minLength: 1, maxLength: 32, description: 'Only accounts that have this role.' })),
});
const Found = Answer('The account.', UserAnswer, 'ETag');
const tags = ['users'];

/** Reading accounts: one's own, one by its id, and the list with its search. */
export function readUsersRoutes(http: Http, { readProfile, listUsers, cursors }: ReadUsersRoutes): void {
  http.get(
    '/v1/users/me',
    {
      config: { access: 'user' },
      schema: {
        tags,
        operationId: 'readProfile',
        summary: 'Read your own account',
        response: { 200: Found, ...problems(errors, 'user_not_found') },
      },
    },
    async (request, reply) => withETag(reply, orThrow(await readProfile(userOf(request).id), errors.user_not_found)),
  );

  http.get(
    '/v1/users/:id',
    {
      config: { access: { permission: 'users:read' } },
      schema: {
        tags,
        operationId: 'readUser',
        summary: 'Read an account',
        params: IdParams(),
        response: { 200: Found, ...problems(errors, 'user_not_found') },
      },
    },
    async (request, reply) => withETag(reply, orThrow(await readProfile(request.params.id), errors.user_not_found)),
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
        response: { 200: Answer('The accounts of one page.', Page('UserPage', UserAnswer)) },
      },
    },
    async (request) => {
      const { limit, cursor, q, status, role } = request.query;
      const page = cursors.page<[string, Match]>(['users', { q, status, role }], { limit, cursor });
      const search = q === undefined ? undefined : parseUserSearch(q);
      if (q !== undefined && search === undefined) return { items: [], nextCursor: null };
      const after = page.after && { id: page.after[0], match: page.after[1] };
      const found = await listUsers({ search, status, role }, { limit: page.limit, after });
      return page.answer(found.users, ({ id }) => [id, found.match]);
    },
  );
}
