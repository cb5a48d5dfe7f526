import { named } from '@stoa/service';
import { type Static, Type } from 'typebox';
import type { Profile } from '../application/user-list.ts';

const Nullable = (description: string, examples: string[]) => Type.Union([Type.String(), Type.Null()], { description, examples });

/** A user as an answer shows it: a whitelist, so that a new column is not shown by itself. */
export const UserAnswer = named(
  'User',
  Type.Object(
    {
      id: Type.String({ format: 'uuid', examples: ['0199d3a0-0000-7000-8000-000000000002'] }),
      email: Type.String({ examples: ['ada@example.com'] }),
      login: Nullable('Lower case.', ['ada']),
      phone: Nullable('E.164.', ['+4930901820']),
      fullName: Nullable('', ['Ada Lovelace']),
      status: Type.Enum(['pending', 'active', 'blocked']),
      roles: Type.Array(Type.String(), { examples: [['user']] }),
      createdAt: Type.String({ format: 'date-time' }),
    },
    { additionalProperties: false },
  ),
);

export const toAnswer = ({
  id,
  email,
  login,
  phone,
  fullName,
  status,
  roles,
  createdAt,
}: Omit<Profile, 'version'>): Static<typeof UserAnswer> => ({
  id,
  email,
  login,
  phone,
  fullName,
  status,
  roles: [...roles],
  createdAt: createdAt.toISOString(),
});
