import { Nullable, Timestamp } from '@stoa/http';
import { named } from '@stoa/service';
import { Type } from 'typebox';

/** What is shown of a user: what stands here, so that a new column is not shown by itself. */
export const UserAnswer = named(
  'User',
  Type.Object({
    id: Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-000000000002'] }),
    email: Type.String({ examples: ['ada@example.com'] }),
    login: Nullable(Type.String(), { description: 'Lower case.', examples: ['ada'] }),
    phone: Nullable(Type.String(), { description: 'E.164.', examples: ['+4930901820'] }),
    fullName: Nullable(Type.String(), { examples: ['Ada Lovelace'] }),
    status: Type.Enum(['pending', 'active', 'blocked']),
    roles: Type.Array(Type.String(), { examples: [['user']] }),
    createdAt: Timestamp(),
  }),
);
