import { inSpan } from '@stoa/service';

const OPERATION = /^[\s(]*([a-z]+)/i;
/** `for update` and `do update` write to a table that was named before. */
const WRITES = /\b(?:insert\s+into|delete\s+from|(?<!\b(?:for|do|key)\s+)update)\s+"?(\w+)/i;
/** Not of `extract(epoch from …)` and `is distinct from …`, nor a function's name. */
const READS = /(?<!\b(?:epoch|distinct)\s+)\bfrom\s+"?(\w+)(?!\w)"?(?!\s*\()/i;

/** What a statement does, and to which table first: of few values, and nothing of what stands in the statement. */
export function summarize(text: string): { readonly operation: string; readonly table: string | undefined } {
  const operation = (OPERATION.exec(text)?.[1] ?? 'SQL').toUpperCase();
  const table = (operation === 'SELECT' ? READS.exec(text) : (WRITES.exec(text) ?? READS.exec(text)))?.[1];
  return { operation, table };
}

/** The database that the URL of a connection names. */
export const databaseOf = (url = ''): string | undefined => URL.parse(url)?.pathname.slice(1);

/**
 * Makes a statement a CLIENT span, by the stable database conventions of OpenTelemetry, if it belongs to a request or message. Never with
 * its values, nor with its text, into which values may have been written.
 * @param name the prepared statement's, the same in every process: finds the text in `pg_prepared_statements`.
 */
export function inStatementSpan<T>(
  database: string | undefined,
  text: string,
  name: string | undefined,
  query: () => Promise<T>,
): Promise<T> {
  return inSpan(
    () => {
      const { operation, table } = summarize(text);
      const summary = table === undefined ? operation : `${operation} ${table}`;
      return {
        kind: 'client',
        name: summary,
        attributes: {
          'db.system.name': 'postgresql',
          'db.namespace': database,
          'db.operation.name': operation,
          'db.collection.name': table,
          'db.query.summary': summary,
          'stoa.statement': name,
        },
      };
    },
    async () => await query(),
  );
}
