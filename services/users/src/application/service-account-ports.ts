import type { ServiceAccount } from '../domain/service-account.ts';

/** Makes API keys; no two are the same. */
export interface ApiKeys {
  make(): { readonly apiKey: string; readonly prefix: string; readonly digest: Buffer };
}

/** Writing service accounts: exists only within a transaction. Every change is told to all processes. */
export interface ServiceAccounts {
  /** @throws 409 `service_account_taken`. */
  insert(account: ServiceAccount, digest: Buffer): Promise<void>;
  /** Its row is locked until the transaction ends. */
  lock(id: string): Promise<ServiceAccount | undefined>;
  remove(id: string): Promise<void>;
}

/** Reading service accounts, outside any transaction. */
export interface ServiceAccountReader {
  /** Newest first, from behind the one with id `after`. */
  list(page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly ServiceAccount[]>;
}
