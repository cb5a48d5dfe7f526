import { createHmac, randomUUID } from 'node:crypto';
import { type Clock, createSealing, type DeriveKey, type Logger, uuidv7, withTimeout } from '@stoa/service';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { canonicalJson } from './canonical-json.ts';
import { clientIpKey } from './client-ip.ts';
import { httpErrors } from './http-errors.ts';
import { type IdempotencyStore, isKept } from './idempotency-store.ts';
import { mergeProblems, problems } from './problem.ts';

export interface IdempotencyOptions {
  readonly store: IdempotencyStore;
  readonly derive: DeriveKey;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long the work of a request may take until it is answered 503. Shorter than the lease; 25 s by default. */
  readonly deadlineMs?: number;
  /** The owner of the keys: callers never share one. Without a caller it is the client's IP. */
  readonly callerOf?: (request: FastifyRequest) => string | undefined;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Honours `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07). Not for answers that stream or are hijacked. */
    idempotent?: true;
  }
  interface FastifyRequest {
    /**
     * The UUID for what the request makes, where it came with an `Idempotency-Key`: the same for each try. A try may have made it although
     * it failed, as the answer to its commit was lost: a handler answers with what has this id already.
     */
    reservedResourceId?: string;
  }
}

const LIFE_MS = 24 * 3_600_000;
/** After this a try whose process died no longer blocks the key. */
const LEASE_MS = 60_000;
/** A waiting client has an answer while the key is still held: nobody begins the work a second time before it must have ended. */
const DEADLINE_MS = 25_000;
/** Printable ASCII. */
const KEY = '^[\\x20-\\x7e]{1,255}$';
const HEADER = 'idempotency-key';
/** The headers that belong to the answer; the others are made anew for each response. */
const KEPT_HEADERS = ['content-type', 'location', 'etag'] as const;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64; null is no body. */
  readonly body: string | null;
}

interface Running {
  readonly key: Buffer;
  readonly owner: string;
  readonly context: string;
  /** Its request was answered without it. */
  isLate: boolean;
}

const NOT_KEPT = 'the answer to an Idempotency-Key could not be kept: a repeat will run again when its lease is over';
const kInstalled = Symbol('stoa.idempotency');

/** A route that declares itself idempotent where no store keeps its answers does not start. */
export function refuseUnkeptIdempotency(http: FastifyInstance): void {
  http.addHook('onRoute', ({ url, config }) => {
    if (config?.idempotent && !http.hasDecorator(kInstalled)) throw new Error(`${url} is idempotent: call installIdempotency before it`);
  });
}

/**
 * Implements `config.idempotent` of the routes that are declared from now on. The first answer to a key is kept for 24 hours, and
 * repeats get it with `Idempotency-Replayed: true`; another request with the key is refused, and so is one that comes while the
 * first runs. A key is taken after validation and guards. After 5xx, 401, 403, 408 and 429 the same request may be tried again, and makes
 * what the first would have made. One whose work outlasts the deadline is answered 503, and its key is held until the work has ended.
 */
export function installIdempotency(
  http: FastifyInstance,
  { store, derive, clock, log, deadlineMs = DEADLINE_MS, callerOf = () => undefined }: IdempotencyOptions,
): void {
  const [keyOfKeys, keyOfRequests] = [derive('idempotency-key'), derive('idempotency-request')];
  const sealing = createSealing(derive('idempotency-answer'));
  const digest = (key: Buffer, value: unknown) => createHmac('sha256', key).update(canonicalJson(value)).digest();
  const running = new WeakMap<FastifyRequest, Running>();

  http.decorate(kInstalled, true);
  http.decorateRequest('reservedResourceId', undefined);
  http.addHook('onRoute', (route) => {
    if (!route.config?.idempotent) return;
    route.preHandler = [...[route.preHandler ?? []].flat(), claim];
    route.onSend = [...[route.onSend ?? []].flat(), keep];
    route.handler = inTime(route.handler);
    describe(route);
  });

  async function claim(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const header = keyOf(request);
    if (header === undefined) return;
    const caller = callerOf(request);
    const scope = caller === undefined ? ['address', clientIpKey(request.clientIp)] : ['caller', caller];
    const key = digest(keyOfKeys, [...scope, request.method, request.routeOptions.url, request.params, header]);
    const asked = digest(keyOfRequests, [request.query, request.body]);
    const context = `${key.toString('hex')} ${asked.toString('hex')}`;
    const now = clock.now();
    const at = (ms: number) => new Date(now.getTime() + ms);
    const owner = randomUUID();
    const reservedResourceId = uuidv7(now.getTime());
    const found = await store.begin({
      key,
      request: asked,
      owner,
      reservedResourceId,
      now,
      leaseUntil: at(LEASE_MS),
      expiresAt: at(LIFE_MS),
    });
    switch (found.state) {
      case 'claimed':
        request.reservedResourceId = found.reservedResourceId;
        return void running.set(request, { key, owner, context, isLate: false });
      case 'running':
        throw httpErrors.idempotency_in_progress({ retryAfterSeconds: 1 });
      case 'other-request':
        throw httpErrors.idempotency_key_reused();
      case 'answered':
        return replay(reply, JSON.parse(sealing.open(found.answer, context).toString()));
    }
  }

  const giveUp = ({ key, owner }: Running): Promise<void> => store.giveUp(key, owner, clock.now());

  /** The work is not stopped by its deadline: it may be in its commit. */
  function inTime(handler: RouteOptions['handler']): RouteOptions['handler'] {
    return async function (this: FastifyInstance, request, reply) {
      const mine = running.get(request);
      const work = Promise.resolve(handler.call(this, request, reply));
      if (mine === undefined) return await work;
      return await withTimeout(work, deadlineMs, () => {
        mine.isLate = true;
        log.warn({ route: request.routeOptions.url }, 'a request with an Idempotency-Key outlasts its deadline');
        work
          .catch((err: unknown) => log.warn({ err }, 'work that was answered without failed'))
          .then(() => giveUp(mine))
          .catch((err: unknown) => log.warn({ err }, NOT_KEPT));
        throw httpErrors.service_unavailable({ retryAfterSeconds: 5 });
      });
    };
  }

  /** Before the answer leaves, so that a client that has it can rely on its being kept. If the store fails now, it is sent all the same. */
  async function keep(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
    const mine = running.get(request);
    if (mine === undefined) return payload;
    running.delete(request);
    // And without a wait: until it has left, the work must not come to change it.
    if (mine.isLate) return payload;
    try {
      const answer = answerOf(reply, payload);
      if (answer === undefined) await giveUp(mine);
      else await store.finish(mine.key, mine.owner, sealing.seal(Buffer.from(JSON.stringify(answer)), mine.context));
    } catch (err) {
      log.warn({ err }, NOT_KEPT);
    }
    return payload;
  }
}

/** @throws 400 when it came twice, which Node joins to one. */
function keyOf({ headers, raw }: FastifyRequest): string | undefined {
  const times = raw.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === HEADER).length;
  if (times > 1) throw httpErrors.validation_failed({ fields: [{ path: `/headers/${HEADER}`, message: 'must come once' }] });
  return headers[HEADER] as string | undefined;
}

/** @returns undefined when it is not to be kept. */
function answerOf(reply: FastifyReply, payload: unknown): Answer | undefined {
  const status = reply.statusCode;
  if (!isKept(status)) return undefined;
  const isBytes = typeof payload === 'string' || Buffer.isBuffer(payload);
  if (!isBytes && payload !== null && payload !== undefined) return undefined;
  const headers = KEPT_HEADERS.map((name) => [name, reply.getHeader(name)] as const).filter(([, value]) => value !== undefined);
  return {
    status,
    headers: Object.fromEntries(headers) as Answer['headers'],
    body: isBytes ? Buffer.from(payload).toString('base64') : null,
  };
}

const replay = (reply: FastifyReply, { status, headers, body }: Answer): FastifyReply =>
  reply
    .code(status)
    .headers(headers)
    .header('idempotency-replayed', 'true')
    .send(body === null ? undefined : Buffer.from(body, 'base64'));

const KEY_HEADER = {
  type: 'string',
  pattern: KEY,
  description:
    'Makes the request safe to repeat for 24 hours: the first answer is given again. 1 to 255 characters of printable ASCII, a UUID for example; a new one for each new request.',
};

function describe(route: RouteOptions): void {
  route.schema ??= {};
  const { schema } = route;
  const { properties = {}, ...others } = (schema.headers ?? { type: 'object' }) as { properties?: object };
  schema.headers = { ...others, properties: { ...properties, 'Idempotency-Key': KEY_HEADER } };
  const refusals = problems(httpErrors, 'validation_failed', 'idempotency_in_progress', 'idempotency_key_reused', 'service_unavailable');
  schema.response = mergeProblems(refusals, schema.response ?? {});
}
