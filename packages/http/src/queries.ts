import type { FastifySchema } from 'fastify';
import type { Fault } from './faults.ts';

/** More than any query of the product needs. */
const MAX_PARAMETERS = 250;

/** Whether a query is to be refused before it is parsed: its parameters cost more than its bytes. */
export function hasTooManyParameters(url: string): boolean {
  let count = 0;
  for (let at = url.indexOf('?'); at !== -1 && count <= MAX_PARAMETERS; at = url.indexOf('&', at + 1)) count += 1;
  return count > MAX_PARAMETERS;
}

export const TOO_MANY_PARAMETERS: Fault = { path: '/query', message: `must not have more than ${MAX_PARAMETERS} parameters` };

/**
 * Without a schema of its own a route of the API takes no parameter in its query. Pages, and what serves them, may get some: people follow
 * links to which others have added some. Routes about the process itself, such as health, must answer whatever a probe sends.
 */
export const refusesQuery = ({ url, schema }: { readonly url: string; readonly schema?: FastifySchema | undefined }): boolean =>
  schema?.hide !== true && schema?.querystring === undefined && /^\/(?:v1|internal)\//.test(url);

/** The schema of such a query. */
export const NO_QUERY = { type: 'object', additionalProperties: false };
