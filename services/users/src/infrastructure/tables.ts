import type { UserStatus } from '../domain/user.ts';

/** Row types of `migrations/`. */
export interface UsersSchema {
  users: {
    id: string;
    email: string;
    login: string | null;
    phone: string | null;
    full_name: string | null;
    password_hash: string;
    status: UserStatus;
    roles: readonly string[];
    code_requested_at: Date;
    version: number;
    created_at: Date;
    updated_at: Date;
  };
  activation_requests: {
    id: string;
    user_id: string;
    number: number;
    requested_at: Date;
  };
  activation_codes: {
    user_id: string;
    request_id: string;
    request_number: number;
    digest: Buffer;
    tries: number;
    expires_at: Date;
  };
  audit: {
    id: string;
    at: Date;
    action: string;
    actor: string;
    subject: string;
    address: string | null;
    correlation_id: string;
  };
}
