/** What of an error goes to the log. Never its other fields: a database's `detail` holds the row, with the password's hash in it. */
const FIELDS = ['code', 'constraint', 'table', 'column', 'schema', 'routine', 'syscall'] as const;
const MAX_CAUSES = 5;

export interface DescribedError {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause?: DescribedError;
}

/** An error, and what caused it, as fields of a log line. */
export function describeError(error: unknown, depth = 0): DescribedError | unknown {
  if (!(error instanceof Error)) return error;
  const fields = error as unknown as Record<string, unknown>;
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...Object.fromEntries(FIELDS.filter((name) => typeof fields[name] === 'string').map((name) => [name, fields[name]])),
    ...(error.cause === undefined || depth === MAX_CAUSES ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}
