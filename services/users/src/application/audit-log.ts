/** An entry as it was written; nothing changes it. */
export interface LoggedEntry {
  readonly id: string;
  readonly at: Date;
  readonly action: string;
  readonly actor: string;
  readonly subject: string | null;
  readonly clientIp: string | null;
  readonly correlationId: string;
  readonly details: Readonly<Record<string, unknown>> | null;
}

export interface AuditFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly subject?: string | undefined;
  readonly from?: Date | undefined;
  /** Entries before it. */
  readonly to?: Date | undefined;
}

/** Reading the audit log. */
export interface AuditLog {
  /** Newest first, from behind the one with id `after`. */
  list(filter: AuditFilter, page: { readonly limit: number; readonly after?: string | undefined }): Promise<readonly LoggedEntry[]>;
}
