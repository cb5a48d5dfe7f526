import { Answer, type Cursors, type Http, NoBody, Page, PageQuery, pageOf, problems, Text } from '@stoa/http';
import { type Clock, named } from '@stoa/service';
import { Type } from 'typebox';
import type { ManageServiceAccounts } from '../application/manage-service-accounts.ts';
import type { ServiceAccountReader } from '../application/service-account-ports.ts';
import { expiryRefusals, type ServiceAccount } from '../domain/service-account.ts';
import { catalogue } from '../errors.ts';
import { callerOf } from './caller.ts';
import { PermissionList } from './permission-list.ts';

export interface ServiceAccountsRoutes {
  readonly serviceAccounts: ServiceAccountReader;
  readonly manageServiceAccounts: ManageServiceAccounts;
  readonly cursors: Cursors;
  readonly clock: Clock;
}

const Instant = Type.String({ format: 'date-time' });
const shown = {
  id: Type.String({ format: 'uuid' }),
  name: Type.String({ examples: ['billing'] }),
  prefix: Type.String({ description: 'The beginning of its key, to tell keys apart.', examples: ['stoa_sk_4fGx'] }),
  permissions: Type.Array(Type.String(), { examples: [['users:create']] }),
  createdAt: Instant,
  expiresAt: Type.Union([Instant, Type.Null()], { description: 'When its key stops working; null: never.' }),
  lastUsedAt: Type.Union([Instant, Type.Null()], { description: 'To about a quarter of a minute.' }),
};
const ServiceAccountAnswer = named('ServiceAccount', Type.Object(shown));
const NewAnswer = named(
  'ServiceAccountWithKey',
  Type.Object({
    ...shown,
    apiKey: Type.String({ description: 'For `Authorization: Bearer …`. It is shown here and never again.', examples: ['stoa_sk_…'] }),
  }),
);
const Body = named(
  'NewServiceAccount',
  Type.Object(
    {
      name: Text({ minLength: 1, maxLength: 64, description: 'Unique.' }),
      permissions: PermissionList,
      expiresAt: Type.Optional(
        Type.Unsafe<string | null>({
          type: ['string', 'null'],
          format: 'date-time',
          description: 'In the future. Left out or null: never.',
        }),
      ),
    },
    { additionalProperties: false, examples: [{ name: 'billing', permissions: ['users:create'], expiresAt: '2030-01-01T00:00:00Z' }] },
  ),
);
const ListQuery = Type.Object(PageQuery, { additionalProperties: false });
const Id = Type.Object({ id: Type.String({ format: 'uuid' }) }, { additionalProperties: false });
const Deleted = NoBody('Deleted; its key works no more. No body.');
const tags = ['service accounts'];

/** Other back ends and their API keys. */
export function serviceAccountsRoutes(http: Http, { serviceAccounts, manageServiceAccounts, cursors, clock }: ServiceAccountsRoutes): void {
  http.get(
    '/v1/service-accounts',
    {
      config: { access: { permission: 'service-accounts:read' } },
      schema: {
        tags,
        operationId: 'listServiceAccounts',
        summary: 'List the service accounts, newest first',
        querystring: ListQuery,
        response: {
          200: Answer('The service accounts of one page.', named('ServiceAccountPage', Page(ServiceAccountAnswer))),
          ...problems(catalogue, 'invalid_cursor'),
        },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const [after] = cursors.decode<[string]>(['service-accounts'], cursor) ?? [];
      const rows = await serviceAccounts.list({ limit: limit + 1, after });
      return pageOf(rows, limit, toAnswer, (last) => cursors.encode(['service-accounts'], [last.id]));
    },
  );

  http.post(
    '/v1/service-accounts',
    {
      config: {
        access: { permission: 'service-accounts:write' },
        idempotent: true,
        rules: ({ expiresAt }: { expiresAt?: string | null }) =>
          expiryRefusals(expiresAt, clock.now()).map(({ field, message }) => ({ path: `/${field}`, message })),
      },
      schema: {
        tags,
        operationId: 'createServiceAccount',
        summary: 'Make a service account with its API key',
        description: 'With permissions that you have yourself. Only the digest of the key is kept: who loses it makes another account.',
        body: Body,
        response: {
          201: Answer('The account with its key.', NewAnswer),
          ...problems(catalogue, 'validation_failed', 'service_account_taken'),
        },
      },
    },
    async (request, reply) => {
      const { account, apiKey } = await manageServiceAccounts.create(request.body, callerOf(request), request.reservedResourceId);
      void reply.code(201).header('cache-control', 'no-store');
      return { ...toAnswer(account), apiKey };
    },
  );

  http.delete(
    '/v1/service-accounts/:id',
    {
      config: { access: { permission: 'service-accounts:write' } },
      schema: {
        tags,
        operationId: 'deleteServiceAccount',
        summary: 'Delete a service account',
        description: 'Within a second its key works nowhere any more. You need all of its permissions.',
        params: Id,
        response: { 204: Deleted, ...problems(catalogue, 'service_account_not_found') },
      },
    },
    async (request, reply) => {
      await manageServiceAccounts.delete(request.params.id, callerOf(request));
      await reply.code(204).send(undefined);
    },
  );
}

const toAnswer = ({ id, name, prefix, permissions, createdAt, expiresAt, lastUsedAt }: ServiceAccount) => ({
  id,
  name,
  prefix,
  permissions: [...permissions],
  createdAt: createdAt.toISOString(),
  expiresAt: expiresAt?.toISOString() ?? null,
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
});
