import { callerOf } from '@stoa/auth';
import {
  Answer,
  type Cursors,
  type Http,
  IdParams,
  NoBody,
  Nullable,
  Nullish,
  Page,
  PageQuery,
  problems,
  StrictObject,
  Text,
  Timestamp,
} from '@stoa/http';
import { type Clock, named } from '@stoa/service';
import { Type } from 'typebox';
import type { ManageServiceAccounts } from '../application/manage-service-accounts.ts';
import type { ServiceAccountReader } from '../application/permission-ports.ts';
import { expiryRefusals } from '../domain/service-account.ts';
import { errors } from '../errors.ts';
import { PermissionList } from './permission-list.ts';

export interface ServiceAccountsRoutes {
  readonly serviceAccounts: ServiceAccountReader;
  readonly manageServiceAccounts: ManageServiceAccounts;
  readonly cursors: Cursors;
  readonly clock: Clock;
}

const shown = {
  id: Type.String({ format: 'uuid' }),
  name: Type.String({ examples: ['billing'] }),
  prefix: Type.String({ description: 'The beginning of its key, to tell keys apart.', examples: ['stoa_sk_4fGx'] }),
  permissions: Type.Array(Type.String(), { examples: [['users:create']] }),
  createdAt: Timestamp(),
  expiresAt: Nullable(Timestamp(), { description: 'When its key stops working; null: never.' }),
  lastUsedAt: Nullable(Timestamp(), { description: 'Accurate to about 15 seconds.' }),
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
  StrictObject(
    {
      name: Text({ minLength: 1, maxLength: 64, description: 'Unique.' }),
      permissions: PermissionList,
      expiresAt: Nullish(Type.String({ format: 'date-time', description: 'In the future. Left out or null: never.' })),
    },
    { examples: [{ name: 'billing', permissions: ['users:create'], expiresAt: '2030-01-01T00:00:00Z' }] },
  ),
);
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
        querystring: PageQuery(),
        response: { 200: Answer('The service accounts of one page.', Page('ServiceAccountPage', ServiceAccountAnswer)) },
      },
    },
    async (request) => {
      const page = cursors.page(['service-accounts'], request.query);
      return page.answer(await serviceAccounts.list(page), ({ id }) => id);
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
        description: 'With permissions that you have yourself. Only the digest of the key is kept: when it is lost, make another account.',
        body: Body,
        response: { 201: Answer('The account with its key.', NewAnswer), ...problems(errors, 'service_account_taken') },
      },
    },
    async (request) => {
      const { account, apiKey } = await manageServiceAccounts.create(request.body, callerOf(request), request.reservedResourceId);
      return { ...account, apiKey };
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
        params: IdParams(),
        response: { 204: NoBody('Deleted; its key works no more. No body.'), ...problems(errors, 'service_account_not_found') },
      },
    },
    async (request) => {
      await manageServiceAccounts.delete(request.params.id, callerOf(request));
    },
  );
}
