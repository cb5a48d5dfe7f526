import { PERMISSIONS } from '@stoa/contracts';
import { named } from '@stoa/service';
import { Type } from 'typebox';

/** What a role or an API key allows; the table of all of them is in the reference. */
export const PermissionList = Type.Array(named('Permission', Type.Enum([...PERMISSIONS])), {
  maxItems: PERMISSIONS.length,
  uniqueItems: true,
});
