import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { httpErrors } from './http-errors.ts';

/** The headers of a route that honours `If-Match`, for its description; its 412 is added by the platform. */
export const IfMatch = Type.Object({
  'If-Match': Type.Optional(
    Type.String({
      entityTags: true,
      description: 'The `ETag` of the state that is to be changed, as it was read: 412 when another change came first.',
    }),
  ),
});

/**
 * The strong validator of one state of an object (RFC 9110 §8.8.3).
 * @param versions of all that the answer is made of: with every change that a reader can see one of them rises.
 */
export const entityTag = (...versions: readonly number[]): string => `"${versions.join('.')}"`;

/**
 * Evaluates `If-Match` (RFC 9110 §13.1.1) by strong comparison: a weak tag never matches. A request without it is let through.
 * Between this and the write another change may come: the write has to look at the version once more, or hold the row's lock.
 * @param currentTag of the object as it is now; `*` matches any.
 * @throws 412 `precondition_failed`. A header that is malformed is refused by the schema, `IfMatch`.
 */
export function requireMatch(request: FastifyRequest, currentTag: string): void {
  const header = request.headers['if-match'];
  if (header === undefined || header.trim() === '*') return;
  const tags = parseTags(header) ?? [];
  if (!tags.some(({ weak, opaque }) => !weak && opaque === currentTag)) throw httpErrors.precondition_failed();
}

/** The keyword behind `IfMatch`: a list of entity tags, or `*` (RFC 9110 §13.1.1). */
export const entityTagsKeyword = {
  keyword: 'entityTags',
  type: 'string',
  schemaType: 'boolean',
  error: { message: 'must be a list of entity tags in quotes, or *' },
  validate: (_schema: boolean, header: string) => header.trim() === '*' || parseTags(header) !== undefined,
} as const;

/** Answers 304 without a body to a GET whose `If-None-Match` names the `etag` of the answer (RFC 9110 §13.1.2, weak comparison). */
export function installNotModified(http: FastifyInstance): void {
  http.addHook('onSend', (request, reply, payload, done) => {
    const known = request.headers['if-none-match'];
    const tag = known === undefined ? undefined : reply.getHeader('etag');
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (known === undefined || typeof tag !== 'string' || !isRead || reply.statusCode !== 200 || !namesTag(known, tag)) {
      return done(null, payload);
    }
    void reply.code(304).removeHeader('content-type').removeHeader('content-length');
    // Fastify takes the body off the answer to a HEAD, and needs it there to tell its length.
    if (request.method === 'HEAD') return done(null, payload);
    if (payload instanceof Readable) payload.destroy();
    done(null, null);
  });
}

const withoutWeakness = (tag: string): string => (tag.startsWith('W/') ? tag.slice(2) : tag);

/** Whether an `If-None-Match` names the tag (RFC 9110 §13.1.2, weak comparison). */
export const namesTag = (header: string, tag: string): boolean =>
  header.trim() === '*' || (parseTags(header) ?? []).some(({ opaque }) => opaque === withoutWeakness(tag));

interface Tag {
  readonly weak: boolean;
  /** With its quotes. */
  readonly opaque: string;
}

/** One element of the list with what separates it; empty elements are skipped (RFC 9110 §5.6.1.2). Anchored, so that nothing is overlooked. */
const ELEMENT = /[\t ,]*(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?:,[\t ,]*|$)/y;

/** @returns undefined when the header is no list of entity tags (RFC 9110 §8.8.3). */
function parseTags(header: string): Tag[] | undefined {
  const tags: Tag[] = [];
  const element = new RegExp(ELEMENT);
  while (element.lastIndex < header.length) {
    const match = element.exec(header);
    if (match === null) return undefined;
    tags.push({ weak: match[1] !== undefined, opaque: match[2] as string });
  }
  return tags.length === 0 ? undefined : tags;
}
