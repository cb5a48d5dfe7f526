import { type TSchema, Type } from 'typebox';
import type { AnswerHeader } from './answer-headers.ts';

/**
 * An answer of a route: `response: { 200: Answer('The account as it is now.', User, 'ETag') }`.
 * @param headers those that it carries besides what any answer of its route does.
 */
export const Answer = <Schema extends TSchema>(description: string, schema: Schema, ...headers: AnswerHeader[]): Schema => ({
  ...schema,
  description,
  headers,
});

/** An answer without a body, of 202 or 204: the handler returns nothing. */
export const NoBody = (description: string) => Type.Unsafe<void>({ type: 'null', description });

/** An answer that is no JSON: a file, a page, a stream. */
export const Media = (description: string, type: string) => ({ description, content: { [type]: { schema: { type: 'string' } } } });

/** An answer that is JSON, or a page where HTML is asked for first. */
export const withPage = <Schema extends TSchema>(description: string, schema: Schema, ...headers: AnswerHeader[]) => ({
  description,
  headers,
  content: { 'application/json': { schema }, 'text/html': { schema: Type.String() } },
});
