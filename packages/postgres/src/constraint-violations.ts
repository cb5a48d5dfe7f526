const violation =
  (sqlState: string) =>
  (error: unknown): string | undefined =>
    error instanceof Error && 'code' in error && error.code === sqlState && 'constraint' in error && typeof error.constraint === 'string'
      ? error.constraint
      : undefined;

/** The unique constraint or index that `error` broke (SQLSTATE 23505), or `undefined` when it is another error. */
export const uniqueViolation = violation('23505');
/** The foreign key that `error` broke (23503). */
export const foreignKeyViolation = violation('23503');
/** The check that `error` broke (23514). */
export const checkViolation = violation('23514');
/** The exclusion constraint that `error` broke (23P01). */
export const exclusionViolation = violation('23P01');
