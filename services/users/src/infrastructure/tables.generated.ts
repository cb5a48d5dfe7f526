// Made by `npm run reports` from the migrations.
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface Tables {
  account_links: {
    id: string;
    user_id: string;
    purpose: 'set-password' | 'reset-password' | 'confirm-email';
    email: string | null;
    requested_at: Date;
    digest: Buffer | null;
    expires_at: Date | null;
    used_at: Date | null;
  };
  activation_codes: {
    user_id: string;
    request_id: string;
    request_number: number;
    digest: Buffer;
    tries: number;
    expires_at: Date;
  };
  activation_requests: {
    id: string;
    user_id: string;
    number: number;
    requested_at: Date;
  };
  audit: {
    id: string;
    at: Date;
    action: string;
    actor: string;
    subject: string | null;
    address: string | null;
    correlation_id: string;
    details: ColumnType<unknown, string, string> | null;
  };
  revocations: {
    xid: Generated<string>;
    session_id: string | null;
    user_id: string | null;
    version: number | null;
    expires_at: Date;
  };
  roles: {
    name: string;
    permissions: readonly string[];
    version: number;
    created_at: Date;
    reserved_id: string | null;
  };
  service_accounts: {
    id: string;
    name: string;
    prefix: string;
    digest: Buffer;
    permissions: readonly string[];
    created_at: Date;
    expires_at: Date | null;
    last_used_at: Date | null;
  };
  sessions: {
    id: string;
    user_id: string;
    generation: number;
    digest: Buffer;
    previous_digest: Buffer | null;
    created_at: Date;
    refreshed_at: Date;
    idle_expires_at: Date;
    expires_at: Date;
    ended_at: Date | null;
    end_reason: string | null;
    address: string | null;
    device: string;
  };
  setup_codes: {
    digest: Buffer;
    expires_at: Date;
  };
  signing_keys: {
    kid: string;
    public_key: string;
    sealed_private_key: Buffer;
    created_at: Date;
    usable_from: Date;
  };
  users: {
    id: string;
    email: string;
    login: string | null;
    phone: string | null;
    full_name: string | null;
    password_hash: string | null;
    status: 'pending' | 'active' | 'blocked';
    roles: readonly string[];
    code_requested_at: Date;
    version: number;
    created_at: Date;
    updated_at: Date;
    password_version: Generated<number>;
    protected: Generated<boolean>;
    blocked_from: 'pending' | 'active' | null;
    token_version: Generated<number>;
    search: GeneratedAlways<string>;
  };
}
