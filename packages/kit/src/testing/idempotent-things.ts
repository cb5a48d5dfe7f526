import { randomBytes, randomUUID } from 'node:crypto';
import { type Http, type IdempotencyOptions, installIdempotency, problems } from '@stoa/http';
import { thingsHttp } from '@stoa/http/testing';
import { testDatabase } from '@stoa/postgres/testing';
import { createKeys, createLog, defineErrors, fakeClock } from '@stoa/service';
import { Type } from 'typebox';
import { createPgIdempotency } from '../idempotency/pg-idempotency.ts';
import { migrationSourcesOf } from '../migration-sources.ts';

export interface KeysSchema {
  idempotency_keys: { key: Buffer; request: Buffer; owner: string; answer: Buffer | null; lease_until: Date; expires_at: Date };
}

/** What the handlers of all copies do, and what holds them back. */
interface Work {
  readonly done: string[];
  /** The ids that were reserved for what they make. */
  readonly made: unknown[];
  /** `slow` waits for it. */
  gate: PromiseWithResolvers<void>;
}

interface Sent {
  readonly key?: string;
  readonly caller?: string;
  readonly url?: string;
  readonly at?: Http;
  readonly clientIp?: string;
}

const errors = defineErrors({
  thing_taken: { kind: 'conflict', title: 'Taken.', cause: 'c', fix: 'f' },
  thing_busy: { kind: 'unavailable', title: 'Busy.', cause: 'c', fix: 'f' },
  too_many: { kind: 'too-many', title: 'Many.', cause: 'c', fix: 'f' },
  not_you: { kind: 'forbidden', title: 'No.', cause: 'c', fix: 'f' },
});

export const newKey = () => randomUUID();

/** Two copies of a service with idempotent routes, over one store in Postgres. */
export async function startIdempotentThings() {
  const derive = createKeys(randomBytes(32).toString('base64'));
  const clock = fakeClock(new Date('2026-11-21T09:00:00Z'));
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line: string) => void lines.push(line) } });
  const work: Work = { done: [], made: [], gate: Promise.withResolvers() };
  const fixture = await testDatabase<KeysSchema>({ sources: migrationSourcesOf({ name: 'things' }) });
  const store = createPgIdempotency(fixture.database.query);

  /** One more copy; a header names the caller. */
  async function startCopy(own: Partial<Pick<IdempotencyOptions, 'store' | 'deadlineMs'>> = {}): Promise<Http> {
    const copy = await thingsHttp(errors.catalogue);
    const callerOf = ({ headers }: { headers: Record<string, unknown> }) => headers['x-caller'] as string | undefined;
    installIdempotency(copy, { store, derive, clock, log, callerOf, ...own });
    idempotentRoutes(copy, work);
    await copy.ready();
    return copy;
  }
  const [http, other] = await Promise.all([startCopy(), startCopy()]);

  async function post(body: object | undefined, { key, caller, url = '/v1/things', at = http, clientIp = '192.0.2.1' }: Sent = {}) {
    const headers = { ...(key !== undefined && { 'idempotency-key': key }), ...(caller && { 'x-caller': caller }) };
    const answer = await at.inject({ method: 'POST', url, headers, remoteAddress: clientIp, ...(body && { payload: body }) });
    const isReplay = answer.headers['idempotency-replayed'] === 'true';
    return {
      status: answer.statusCode,
      isReplay,
      headers: answer.headers,
      text: answer.body,
      body: answer.body === '' ? null : answer.json(),
    };
  }

  return {
    http,
    other,
    store,
    clock,
    /** What was logged since the last reset. */
    lines,
    work,
    query: fixture.database.query,
    startCopy,
    post,
    /** The status, and whether it was that of the first answer again. */
    async status(...sent: Parameters<typeof post>) {
      const { status, isReplay } = await post(...sent);
      return isReplay ? `${status} again` : status;
    },
    /** Before each test. */
    reset() {
      work.done.length = 0;
      work.made.length = 0;
      lines.length = 0;
      work.gate = Promise.withResolvers();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([http.close(), other.close()]);
      await fixture[Symbol.asyncDispose]();
    },
  };
}

export type IdempotentThings = Awaited<ReturnType<typeof startIdempotentThings>>;

function idempotentRoutes(http: Http, work: Work): void {
  const body = Type.Object(
    { name: Type.String({ maxLength: 20 }), note: Type.Optional(Type.String()), fail: Type.Optional(Type.String()) },
    { additionalProperties: false },
  );
  const response = { 201: Type.Any(), ...problems(errors, 'thing_taken') };
  const querystring = Type.Object({ mode: Type.Optional(Type.String()) }, { additionalProperties: false });
  http.post('/v1/things', { config: { idempotent: true }, schema: { body, querystring, response } }, async (request, reply) => {
    const { name, fail } = request.body;
    work.done.push(name);
    work.made.push(request.reservedResourceId);
    if (name === 'slow') await work.gate.promise;
    const [code, times] = (fail ?? '').split('*');
    if (code && work.done.filter((entry) => entry === name).length <= Number(times ?? 1_000)) {
      throw code === 'bug' ? new Error('a bug') : errors[code as keyof typeof errors.catalogue]();
    }
    return reply
      .code(201)
      .header('location', `/v1/things/${name}`)
      .header('etag', '"1"')
      .header('x-other', 'a')
      .send({ name, n: work.done.length, reservedResourceId: request.reservedResourceId });
  });
  const onRequest = async () => {
    work.done.push('guard');
    throw errors.not_you();
  };
  http.post('/v1/guarded', { config: { idempotent: true }, schema: { body }, onRequest }, async () => ({}));
  http.post('/v1/things/:id/close', { config: { idempotent: true } }, async ({ params }, reply) => {
    work.done.push(`close ${(params as { id: string }).id}`);
    return reply.code(204).send();
  });
  http.post('/v1/stream', { config: { idempotent: true } }, async (_request, reply) => {
    work.done.push('stream');
    return reply.type('text/plain').send(ReadableStream.from(['a']));
  });
}
