import { PERMISSIONS } from '@stoa/contracts';
import { Type } from 'typebox';

/** What a role or an API key allows; the table of all of them is in the reference. */
export const PermissionList = Type.Array(Type.Enum([...PERMISSIONS]), { maxItems: PERMISSIONS.length, uniqueItems: true });
