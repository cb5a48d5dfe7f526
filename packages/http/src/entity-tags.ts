import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
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

/** Gives an answer the `ETag` of the state that it shows. @returns the state. @param tag where its version alone does not make it. */
export function withETag<State extends Versioned>(reply: FastifyReply, state: State, tag?: string): State;
export function withETag<State>(reply: FastifyReply, state: State, tag: string): State;
export function withETag(reply: FastifyReply, state: Versioned, tag = versionTag(state)): unknown {
  void reply.header('etag', tag);
  return state;
}

/**
 * The condition that a request puts on its change, `If-Match` (RFC 9110 §13.1.1), for the use case to check: by strong comparison, so that a
 * weak tag never matches. A request without the header puts none, and `*` matches any state. Between the check and the write another
 * change may come: the write has to check the version once more, or hold the row's lock.
 * @param tagOf the tag of a state, as its answers have it.
 * @returns what throws 412 `precondition_failed` for another state. A header that is malformed is refused by the schema, `IfMatch`.
 */
export function preconditionOf<State extends Versioned>(
  request: FastifyRequest,
  tagOf: (state: State) => string = versionTag,
): (state: State) => void {
  const header = request.headers['if-match'];
  if (header === undefined || header.trim() === '*') return () => {};
  const tags = parseTags(header) ?? [];
  return (state) => {
    const current = tagOf(state);
    if (!tags.some(({ weak, opaque }) => !weak && opaque === current)) throw httpErrors.precondition_failed();
  };
}

interface Versioned {
  /** Rises with every change that a reader can see. */
  readonly version: number;
}

const versionTag = ({ version }: Versioned): string => entityTag(version);

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
