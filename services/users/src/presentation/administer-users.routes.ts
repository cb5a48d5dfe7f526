import { callerOf, userOf } from '@stoa/auth';
import { Answer, type Http, IdParams, IfMatch, NoBody, preconditionOf, problems, StrictObject, withETag } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { BlockUser } from '../application/block-user.ts';
import type { ChangeUser } from '../application/change-user.ts';
import type { DeleteUser } from '../application/delete-user.ts';
import type { SetRoles } from '../application/set-roles.ts';
import { errors } from '../errors.ts';
import { ProfileBody } from './change-profile.route.ts';
import type { FieldRules } from './field-rules.ts';
import { UserAnswer } from './user-answer.ts';

export interface AdministerUsersRoutes {
  readonly changeUser: ChangeUser;
  readonly deleteUser: DeleteUser;
  readonly blockUser: BlockUser;
  readonly setRoles: SetRoles;
  readonly rules: FieldRules;
}

const RolesBody = named(
  'RolesOfUser',
  StrictObject(
    { roles: Type.Array(Type.String({ minLength: 1, maxLength: 32 }), { maxItems: 32, uniqueItems: true }) },
    { examples: [{ roles: ['user', 'admin'] }] },
  ),
);
const Gone = NoBody('Deleted, with its sessions and tokens. No body.');
const Changed = Answer('The account as it is now.', UserAnswer, 'ETag');
const tags = ['users'];

/** What administrators, and back ends with the permission, do to accounts; and how a person deletes their own. */
export function administerUsersRoutes(http: Http, { changeUser, deleteUser, blockUser, setRoles, rules }: AdministerUsersRoutes): void {
  http.patch(
    '/v1/users/:id',
    {
      config: { access: { permission: 'users:update' }, rules: rules.profile },
      schema: {
        tags,
        operationId: 'changeUser',
        summary: 'Change an account',
        description: 'What is left out stays as it is. A new e-mail address counts at once; both addresses get a notice.',
        params: IdParams(),
        headers: IfMatch,
        body: ProfileBody,
        response: { 200: Changed, ...problems(errors, 'admin_protected', 'user_not_found', 'email_taken', 'phone_taken', 'login_taken') },
      },
    },
    async (request, reply) =>
      withETag(reply, await changeUser(request.params.id, request.body, callerOf(request), preconditionOf(request))),
  );

  http.delete(
    '/v1/users/me',
    {
      config: { access: 'user' },
      schema: {
        tags,
        operationId: 'deleteProfile',
        summary: 'Delete your own account',
        headers: IfMatch,
        response: { 204: Gone, ...problems(errors, 'admin_protected', 'user_not_found', 'last_admin') },
      },
    },
    async (request) => {
      await deleteUser(userOf(request).id, callerOf(request), preconditionOf(request));
    },
  );

  http.delete(
    '/v1/users/:id',
    {
      config: { access: { permission: 'users:delete' } },
      schema: {
        tags,
        operationId: 'deleteUser',
        summary: 'Delete an account',
        description: 'With all that belongs to it, in the other services too.',
        params: IdParams(),
        headers: IfMatch,
        response: { 204: Gone, ...problems(errors, 'admin_protected', 'user_not_found', 'last_admin') },
      },
    },
    async (request) => {
      await deleteUser(request.params.id, callerOf(request), preconditionOf(request));
    },
  );

  for (const [action, summary] of [
    ['block', 'Block an account: its sessions end, and nobody can log in'],
    ['unblock', 'Make a blocked account what it was before'],
  ] as const) {
    http.post(
      `/v1/users/:id/${action}`,
      {
        config: { access: { permission: 'users:block' } },
        schema: {
          tags,
          operationId: `${action}User`,
          summary,
          params: IdParams(),
          response: {
            200: Changed,
            ...problems(errors, 'user_not_found', ...(action === 'block' ? (['admin_protected', 'last_admin'] as const) : [])),
          },
        },
      },
      async (request, reply) => withETag(reply, await blockUser[action](request.params.id, callerOf(request))),
    );
  }

  http.put(
    '/v1/users/:id/roles',
    {
      config: { access: { permission: 'roles:write' } },
      schema: {
        tags,
        operationId: 'setRoles',
        summary: 'Give an account its roles',
        description: 'These and no others. Its access tokens end, and the next refresh gives some with the new roles.',
        params: IdParams(),
        headers: IfMatch,
        body: RolesBody,
        response: { 200: Changed, ...problems(errors, 'admin_protected', 'user_not_found', 'last_admin') },
      },
    },
    async (request, reply) =>
      withETag(reply, await setRoles(request.params.id, request.body.roles, callerOf(request), preconditionOf(request))),
  );
}
