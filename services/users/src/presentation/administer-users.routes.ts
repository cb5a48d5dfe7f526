import { Answer, entityTag, type Http, IfMatch, NoBody, problems, requireMatch } from '@stoa/http';
import { named } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { RequireState } from '../application/administer.ts';
import type { BlockUser } from '../application/block-user.ts';
import type { ChangeUser } from '../application/change-user.ts';
import type { DeleteUser } from '../application/delete-user.ts';
import type { SetRoles } from '../application/set-roles.ts';
import type { User } from '../domain/user.ts';
import { catalogue } from '../errors.ts';
import { callerOf } from './caller.ts';
import { ProfileBody } from './change-profile.route.ts';
import type { FieldRules } from './field-rules.ts';
import { UserId } from './read-users.routes.ts';
import { toAnswer, UserAnswer } from './user-answer.ts';

export interface AdministerUsersRoutes {
  readonly changeUser: ChangeUser;
  readonly deleteUser: DeleteUser;
  readonly blockUser: BlockUser;
  readonly setRoles: SetRoles;
  readonly rules: FieldRules;
}

const RolesBody = named(
  'RolesOfUser',
  Type.Object(
    { roles: Type.Array(Type.String({ minLength: 1, maxLength: 32 }), { maxItems: 32, uniqueItems: true }) },
    { additionalProperties: false, examples: [{ roles: ['user', 'admin'] }] },
  ),
);
const Gone = NoBody('Deleted, with its sessions and tokens. No body.');
const Changed = Answer('The account as it is now.', UserAnswer, 'ETag');
const tags = ['users'];

/** What administrators, and back ends that may, do to accounts; and what a person does to their own, once and for all. */
export function administerUsersRoutes(http: Http, { changeUser, deleteUser, blockUser, setRoles, rules }: AdministerUsersRoutes): void {
  http.patch(
    '/v1/users/:id',
    {
      config: { access: { permission: 'users:update' }, rules: rules.profile },
      schema: {
        tags,
        operationId: 'changeUser',
        summary: 'Change an account',
        description: 'What is left out stays as it is. A new e-mail address counts at once; both addresses are told of it.',
        params: UserId,
        headers: IfMatch,
        body: ProfileBody,
        response: {
          200: Changed,
          ...problems(catalogue, 'admin_protected', 'user_not_found', 'precondition_failed', 'email_taken', 'phone_taken', 'login_taken'),
        },
      },
    },
    async (request, reply) => answer(reply, await changeUser(request.params.id, request.body, callerOf(request), stateOf(request))),
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
        response: { 204: Gone, ...problems(catalogue, 'admin_protected', 'user_not_found', 'precondition_failed', 'last_admin') },
      },
    },
    async (request, reply) => {
      const by = callerOf(request);
      await deleteUser(by.userId as string, by, stateOf(request));
      await reply.code(204).send(undefined);
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
        description: 'With all that belongs to it; the other services are told.',
        params: UserId,
        headers: IfMatch,
        response: { 204: Gone, ...problems(catalogue, 'admin_protected', 'user_not_found', 'precondition_failed', 'last_admin') },
      },
    },
    async (request, reply) => {
      await deleteUser(request.params.id, callerOf(request), stateOf(request));
      await reply.code(204).send(undefined);
    },
  );

  for (const [action, summary] of [
    ['block', 'Block an account: its sessions end, and nobody logs in'],
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
          params: UserId,
          response: {
            200: Changed,
            ...problems(catalogue, 'user_not_found', ...(action === 'block' ? (['admin_protected', 'last_admin'] as const) : [])),
          },
        },
      },
      async (request, reply) => answer(reply, await blockUser[action](request.params.id, callerOf(request))),
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
        params: UserId,
        headers: IfMatch,
        body: RolesBody,
        response: { 200: Changed, ...problems(catalogue, 'admin_protected', 'user_not_found', 'precondition_failed', 'last_admin') },
      },
    },
    async (request, reply) => answer(reply, await setRoles(request.params.id, request.body.roles, callerOf(request), stateOf(request))),
  );
}

const stateOf =
  (request: FastifyRequest): RequireState =>
  ({ version }) =>
    requireMatch(request, entityTag(version));

function answer(reply: FastifyReply, user: User) {
  void reply.header('etag', entityTag(user.version));
  return toAnswer(user);
}
