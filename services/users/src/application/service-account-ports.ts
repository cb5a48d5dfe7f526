import type { ServiceAccount } from '../domain/service-account.ts';

/** Makes API keys; no two are the same, but for one id it is always the same one. */
export interface ApiKeys {
  make(id?: string): { readonly apiKey: string; readonly prefix: string; readonly digest: Buffer };
}

/** Writing service accounts: exists only within a transaction. Every change is told to all processes. */
export interface ServiceAccounts {
  /** @returns whether it is new: not when there is one with its id. @throws 409 `service_account_taken`. */
  insert(account: ServiceAccount, digest: Buffer): Promise<boolean>;
  /** Its row is locked until the transaction ends. */
  lock(id: string): Promise<ServiceAccount | undefined>;
  remove(id: string): Promise<void>;
}

/** Reading service accounts, outside any transaction. */
export interface ServiceAccountReader {
  /** Newest first, from behind the one with id `after`. */
  list(page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly ServiceAccount[]>;
}
