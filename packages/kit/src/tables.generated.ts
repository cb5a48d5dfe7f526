// Made by `npm run reports` from the migrations.
import type { Generated } from 'kysely';

export interface Tables {
  idempotency_keys: {
    key: Buffer;
    request: Buffer;
    owner: string;
    lease_until: Date;
    answer: Buffer | null;
    expires_at: Date;
    makes: Generated<string>;
  };
}
