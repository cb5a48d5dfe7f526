import { callerOf } from '@stoa/auth';
import {
  Answer,
  type Cursors,
  type Http,
  IfMatch,
  NoBody,
  Page,
  PageQuery,
  preconditionOf,
  problems,
  StrictObject,
  withETag,
} from '@stoa/http';
import { named, orThrow } from '@stoa/service';
import { Type } from 'typebox';
import type { ManageRoles } from '../application/manage-roles.ts';
import type { RoleReader } from '../application/permission-ports.ts';
import { isBuiltIn, type Role } from '../domain/role.ts';
import { errors } from '../errors.ts';
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
  StrictObject(
    {
      name: Type.String({
        pattern: '^[a-z][a-z0-9-]{1,31}$',
        description: '2 to 32 of `a-z 0-9 -`, beginning with a letter. It stays as it is.',
      }),
      permissions: PermissionList,
    },
    { examples: [{ name: 'support', permissions: ['users:read', 'users:block'] }] },
  ),
);
const Change = named('RoleChange', StrictObject({ permissions: PermissionList }, { examples: [{ permissions: ['users:read'] }] }));
const Name = Type.Object({ name: Type.String() });
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
        querystring: PageQuery(),
        response: { 200: Answer('The roles of one page.', Page('RolePage', RoleAnswer)) },
      },
    },
    async (request) => {
      const page = cursors.page(['roles'], request.query);
      return page.answer(await roles.list(page), ({ name }) => name, toAnswer);
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
        response: { 200: Answer('The role.', RoleAnswer, 'ETag'), ...problems(errors, 'role_not_found') },
      },
    },
    async (request, reply) => withETag(reply, toAnswer(orThrow(await roles.find(request.params.name), errors.role_not_found))),
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
        response: { 201: Answer('The role.', RoleAnswer, 'Location', 'ETag'), ...problems(errors, 'role_taken') },
      },
    },
    async (request, reply) => {
      const { name, permissions } = request.body;
      const role = await manageRoles.create(name, permissions, callerOf(request), request.reservedResourceId);
      return withETag(reply.header('location', `/v1/roles/${name}`), toAnswer(role));
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
          'Takes effect within a second for everybody with the role, for existing tokens too. You need all permissions that it has, and is to have.',
        params: Name,
        headers: IfMatch,
        body: Change,
        response: { 200: Answer('The role as it is now.', RoleAnswer, 'ETag'), ...problems(errors, 'role_not_found', 'role_built_in') },
      },
    },
    async (request, reply) => {
      const { permissions } = request.body;
      const role = await manageRoles.change(request.params.name, permissions, callerOf(request), preconditionOf(request));
      return withETag(reply, toAnswer(role));
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
        response: { 204: NoBody('Deleted. No body.'), ...problems(errors, 'role_not_found', 'role_built_in', 'role_in_use') },
      },
    },
    async (request) => {
      await manageRoles.delete(request.params.name, callerOf(request), preconditionOf(request));
    },
  );
}

const toAnswer = (role: Role) => ({ ...role, builtIn: isBuiltIn(role.name) });
