/** Who administers Stoa: exists only within a transaction. */
export interface Administrators {
  /**
   * Waits for whoever makes or ends an administrator at this moment, so that one sees what the other has done. To be called
   * first, before the row of an account is locked.
   */
  lock(): Promise<void>;
  /** Whether any account has the role, active or not. */
  exist(): Promise<boolean>;
  /** Whether there is an active one beside this account. */
  existBeside(id: string): Promise<boolean>;
}

/** The one-time codes that the first administrator is made with: exists only within a transaction. */
export interface SetUpCodes {
  add(digest: Buffer, expiresAt: Date): Promise<void>;
  isOpen(digest: Buffer, now: Date): Promise<boolean>;
  removeAll(): Promise<void>;
}

/** Makes these codes: 43 characters of base64url that nobody guesses. */
export interface SetUpCodeMaker {
  make(): { readonly code: string; readonly digest: Buffer };
  digestOf(code: string): Buffer;
}
