import { Answer, type Cursors, entityTag, type Http, IfMatch, NoBody, Page, PageQuery, pageOf, problems, requireMatch } from '@stoa/http';
import { named } from '@stoa/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { ManageRoles, RequireRoleState } from '../application/manage-roles.ts';
import type { RoleReader } from '../application/own-role-ports.ts';
import { isBuiltIn, type Role } from '../domain/role.ts';
import { catalogue, errors } from '../errors.ts';
import { callerOf } from './caller.ts';
import { PermissionList } from './permission-list.ts';

export interface RolesRoutes {
  readonly roles: RoleReader;
  readonly manageRoles: ManageRoles;
  readonly cursors: Cursors;
}

const RoleAnswer = named(
  'Role',
  Type.Object({
    name: Type.String({ examples: ['support'] }),
    permissions: Type.Array(Type.String(), { examples: [['users:read', 'users:block']] }),
    builtIn: Type.Boolean({ description: 'Whether it can be neither changed nor deleted.' }),
  }),
);
const NewRole = named(
  'NewRole',
  Type.Object(
    {
      name: Type.String({
        pattern: '^[a-z][a-z0-9-]{1,31}$',
        description: '2 to 32 of `a-z 0-9 -`, beginning with a letter. It stays as it is.',
      }),
      permissions: PermissionList,
    },
    { additionalProperties: false, examples: [{ name: 'support', permissions: ['users:read', 'users:block'] }] },
  ),
);
const Change = named(
  'RoleChange',
  Type.Object({ permissions: PermissionList }, { additionalProperties: false, examples: [{ permissions: ['users:read'] }] }),
);
const Name = Type.Object({ name: Type.String() }, { additionalProperties: false });
const ListQuery = Type.Object(PageQuery, { additionalProperties: false });
const Deleted = NoBody('Deleted. No body.');
const tags = ['roles'];

/** Roles and what they allow. */
export function rolesRoutes(http: Http, { roles, manageRoles, cursors }: RolesRoutes): void {
  http.get(
    '/v1/roles',
    {
      config: { access: { permission: 'roles:read' } },
      schema: {
        tags,
        operationId: 'listRoles',
        summary: 'List the roles by name',
        querystring: ListQuery,
        response: { 200: Answer('The roles of one page.', named('RolePage', Page(RoleAnswer))), ...problems(catalogue, 'invalid_cursor') },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const [after] = cursors.decode<[string]>(['roles'], cursor) ?? [];
      const rows = await roles.list({ limit: limit + 1, after });
      return pageOf(rows, limit, toAnswer, (last) => cursors.encode(['roles'], [last.name]));
    },
  );

  http.get(
    '/v1/roles/:name',
    {
      config: { access: { permission: 'roles:read' } },
      schema: {
        tags,
        operationId: 'readRole',
        summary: 'Read a role',
        params: Name,
        response: { 200: Answer('The role.', RoleAnswer, 'ETag'), ...problems(catalogue, 'role_not_found') },
      },
    },
    async (request, reply) => {
      const role = await roles.find(request.params.name);
      if (role === undefined) throw errors.role_not_found();
      return answer(reply, role);
    },
  );

  http.post(
    '/v1/roles',
    {
      config: { access: { permission: 'roles:write' }, idempotent: true },
      schema: {
        tags,
        operationId: 'createRole',
        summary: 'Make a role',
        description: 'With permissions that you have yourself.',
        body: NewRole,
        response: { 201: Answer('The role.', RoleAnswer, 'Location', 'ETag'), ...problems(catalogue, 'validation_failed', 'role_taken') },
      },
    },
    async (request, reply) => {
      const { name, permissions } = request.body;
      const role = await manageRoles.create(name, permissions, callerOf(request), request.reservedResourceId);
      void reply.code(201).header('location', `/v1/roles/${name}`);
      return answer(reply, role);
    },
  );

  http.patch(
    '/v1/roles/:name',
    {
      config: { access: { permission: 'roles:write' } },
      schema: {
        tags,
        operationId: 'changeRole',
        summary: 'Change what a role allows',
        description:
          'Holds within a second for all who have the role, with the tokens that they have. You need all permissions that it has, and is to have.',
        params: Name,
        headers: IfMatch,
        body: Change,
        response: {
          200: Answer('The role as it is now.', RoleAnswer, 'ETag'),
          ...problems(catalogue, 'validation_failed', 'role_not_found', 'precondition_failed', 'role_built_in'),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      return answer(reply, await manageRoles.change(name, request.body.permissions, callerOf(request), stateOf(request)));
    },
  );

  http.delete(
    '/v1/roles/:name',
    {
      config: { access: { permission: 'roles:write' } },
      schema: {
        tags,
        operationId: 'deleteRole',
        summary: 'Delete a role that nobody has',
        params: Name,
        headers: IfMatch,
        response: { 204: Deleted, ...problems(catalogue, 'role_not_found', 'precondition_failed', 'role_built_in', 'role_in_use') },
      },
    },
    async (request, reply) => {
      await manageRoles.delete(request.params.name, callerOf(request), stateOf(request));
      await reply.code(204).send(undefined);
    },
  );
}

const stateOf =
  (request: FastifyRequest): RequireRoleState =>
  ({ version }) =>
    requireMatch(request, entityTag(version));

const toAnswer = ({ name, permissions }: Role) => ({ name, permissions: [...permissions], builtIn: isBuiltIn(name) });

function answer(reply: FastifyReply, role: Role) {
  void reply.header('etag', entityTag(role.version));
  return toAnswer(role);
}
