import type { Role } from '../domain/role.ts';

/** Writing the roles that are not built in: exists only within a transaction. Every change is told to all processes. */
export interface OwnRoles {
  /** The role, locked until the transaction ends; who holds it for an account (`Roles.hold`) is waited for, and waits. */
  lock(name: string): Promise<Role | undefined>;
  /**
   * @param reservedId of the request. @returns the role as it is now where the same request has made it already.
   * @throws 409 `role_taken`.
   */
  insert(role: Role, now: Date, reservedId: string | undefined): Promise<Role | undefined>;
  save(role: Role): Promise<void>;
  remove(name: string): Promise<void>;
  /** Whether any account has it. */
  isInUse(name: string): Promise<boolean>;
}

/** Reading all roles, built-in ones too, outside any transaction. */
export interface RoleReader {
  find(name: string): Promise<Role | undefined>;
  /** By name, from behind the one named `after`. */
  list(page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly Role[]>;
}
