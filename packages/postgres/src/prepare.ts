import type { Compilable, CompiledQuery, Kysely } from 'kysely';

/**
 * A query that is built once and run often: for a read by key, building it costs as much as running it.
 * @param query with any values where parameters stand.
 * @returns a function that runs it with others, in the order in which they stand in it.
 */
export function prepare<Schema, Row>(db: Kysely<Schema>, query: Compilable<Row>): (...parameters: unknown[]) => Promise<readonly Row[]> {
  const compiled = query.compile() as CompiledQuery<Row>;
  return async (...parameters) => {
    if (parameters.length !== compiled.parameters.length) {
      throw new TypeError(`the query has ${compiled.parameters.length} parameters, not ${parameters.length}`);
    }
    return (await db.executeQuery<Row>({ ...compiled, parameters })).rows;
  };
}
