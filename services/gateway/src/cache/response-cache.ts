import type { IncomingHttpHeaders } from 'node:http';
import { edgeOf, hasCredentials, hasTooManyParameters, setDefaultHeader } from '@stoa/http';
import type { Observer } from '@stoa/messaging';
import { type Clock, canonicalId, type Logger, type Metrics } from '@stoa/service';
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import { Counter } from 'prom-client';
import { type CachedRoute, NEGOTIATED, pathTag, placeOf, routeTag, variantOf } from './cache-key.ts';
import { capture } from './capture.ts';
import { createRequestCoalescing, type PendingFetch, type Shareable } from './request-coalescing.ts';
import { type CacheKey, type CacheStore, type Finding, isMark, type Stored, type StoredAnswer } from './store.ts';
import { isStorable, sendStored, toStoredAnswer, varyOf } from './stored-answer.ts';

export interface ResponseCacheOptions {
  readonly memory: CacheStore<Finding>;
  /** The second level, which the copies of the gateway share. */
  readonly shared?: CacheStore<Promise<Finding>> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** What is longer is not kept. */
  readonly maxEntryBytes: number;
  /** So long a request waits for the fetch of another one, in milliseconds. */
  readonly followMs?: number;
}

export interface ResponseCache {
  /** Puts the cache before the hook that hands a GET over to its owner. The hook writes on the raw response, or ends with an error. */
  before(route: CachedRoute, handOver: onRequestHookHandler): onRequestHookHandler;
  /** The events that end what is kept, once all routes are there. */
  types(): readonly string[];
  readonly observer: Observer;
}

const FOLLOW_MS = 1_000;
/** A request that had to wait for others this often fetches for itself. */
const MOST_ROUNDS = 3;

/**
 * The headers that reach the service when others may get the answer: those that the answer may depend on, so that no client can make it
 * different for others, and those that identify the request.
 */
const PASSED: ReadonlySet<string> = new Set([...NEGOTIATED, 'x-correlation-id', 'traceparent', 'tracestate']);
/** Asks for a part of the answer, sets a condition that only its owner knows, or brings a body. */
const SPECIAL = ['range', 'if-range', 'if-match', 'if-unmodified-since', 'content-length', 'transfer-encoding'] as const;

interface Asked {
  readonly route: CachedRoute;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly handOver: () => void;
  readonly primary: CacheKey;
  readonly ifNoneMatch: string | undefined;
}

interface Looked {
  /** The primary place, or that of the variant. */
  readonly place: CacheKey;
  readonly finding: Finding;
}

/** Answers public GETs without asking their owner again, until they are too old or an event says that they have changed. */
export function createResponseCache(options: ResponseCacheOptions): ResponseCache {
  const { memory, shared, clock, log, metrics, maxEntryBytes, followMs = FOLLOW_MS } = options;
  const fetches = createRequestCoalescing();
  const changes = new Map<string, { readonly url: string; readonly parameter: string; readonly isId: boolean }[]>();
  const count = createCounter(metrics);

  function lookUp({ primary, request }: Asked): Looked {
    const finding = memory.find(primary);
    if (finding.found === undefined || !isMark(finding.found)) return { place: primary, finding };
    const place = variantOf(primary, finding.found.vary, request);
    return { place, finding: memory.find(place) };
  }

  const answerOf = (stored: Stored | undefined): StoredAnswer | undefined => (stored && !isMark(stored) ? stored : undefined);

  function send({ route, reply, ifNoneMatch }: Asked, stored: StoredAnswer, status: string, isReused = true): void {
    const now = clock.now().getTime();
    reply.hijack();
    sendStored(reply.raw, stored, route.cache, { now, ifNoneMatch, status, isReused });
  }

  function hit(asked: Asked, stored: StoredAnswer): void {
    count(asked.route, 'hit');
    send(asked, stored, `hit; ttl=${Math.ceil((stored.expiresAt - clock.now().getTime()) / 1_000)}`);
  }

  /** Waits for a fetch that is under way, or fetches it itself. */
  async function miss(asked: Asked, first: Looked): Promise<void> {
    let looked = first;
    const until = performance.now() + followMs;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const pending = fetches.under(looked.place.key);
      if (pending === undefined) {
        if (await lead(asked, looked)) return;
      } else {
        const outcome = await pending.wait(Math.max(0, until - performance.now()));
        if (outcome === 'late' || outcome === 'alone') break;
        if (outcome !== 'again' && isFor(asked, outcome)) {
          count(asked.route, 'collapsed');
          return send(asked, outcome.answer, 'fwd=uri-miss; collapsed');
        }
      }
      looked = lookUp(asked);
      const stored = answerOf(looked.finding.found);
      if (stored !== undefined) return hit(asked, stored);
    }
    fetch(asked, [looked.finding]);
  }

  /** Whether a fetch that others waited for brought what this one asked for, and no slower than it may be old. */
  const isFor = (asked: Asked, { answer, variant }: Shareable): boolean =>
    answer.expiresAt > clock.now().getTime() && variantKey(asked, answer) === variant;

  /** @returns false when only the headers that the answers vary by were found: then look again. */
  async function lead(asked: Asked, { place, finding }: Looked): Promise<boolean> {
    const pending = fetches.begin(place);
    const second = await shared?.find(place);
    if (asked.reply.raw.destroyed) {
      pending.settle('again');
      return true;
    }
    if (second?.found === undefined) {
      fetch(asked, second === undefined ? [finding] : [finding, second], pending);
      return true;
    }
    finding.keep(second.found);
    if (isMark(second.found)) {
      pending.settle('again');
      return false;
    }
    pending.settle({ answer: second.found, variant: variantKey(asked, second.found) });
    hit(asked, second.found);
    return true;
  }

  const variantKey = ({ primary, request }: Asked, answer: StoredAnswer) => variantOf(primary, varyOf(answer), request).key;

  /** Asks the owner, and keeps what may be kept. */
  function fetch(asked: Asked, findings: readonly Finding[], pending?: PendingFetch): void {
    const { route, reply, handOver } = asked;
    const madeAt = clock.now().getTime();
    count(route, 'miss');
    setDefaultHeader(reply.raw, 'cache-status', 'stoa; fwd=uri-miss');
    capture(reply.raw, {
      maxBytes: maxEntryBytes,
      isWanted: isStorable,
      onComplete: (captured) => {
        const answer = toStoredAnswer(captured, route.cache, madeAt);
        if (answer === undefined) {
          pending?.settle('again');
          return void reply.raw.destroy();
        }
        const isKept = keep(asked, findings, answer);
        pending?.settle({ answer, variant: variantKey(asked, answer) });
        send(asked, answer, isKept ? 'fwd=uri-miss; stored' : 'fwd=uri-miss', false);
      },
      onMissed: (reason) => pending?.settle(reason === 'aborted' ? 'again' : 'alone'),
    });
    handOver();
  }

  /** @returns whether at least the memory keeps it. */
  function keep({ primary, request }: Asked, findings: readonly Finding[], answer: StoredAnswer): boolean {
    const vary = varyOf(answer);
    const [isKept] = findings.map((finding) => {
      if (vary.length === 0) return finding.keep(answer, primary);
      return finding.keep(answer, variantOf(primary, vary, request)) && finding.keep({ vary, expiresAt: answer.expiresAt }, primary);
    });
    return isKept === true;
  }

  function invalidate(tags: readonly string[]): void {
    fetches.leave(tags);
    memory.invalidate(tags);
    shared?.invalidate(tags);
  }

  return {
    before(route, handOver) {
      for (const [type, parameter] of Object.entries(route.cache.invalidatedBy)) {
        changes.set(type, [...(changes.get(type) ?? []), { url: route.url, parameter, isId: route.ids.includes(parameter) }]);
      }
      return function serve(this: FastifyInstance, request, reply, done) {
        const { headers } = request.raw;
        edgeOf(request.raw).service = route.service;
        if (passesBy(headers) || hasTooManyParameters(request.raw.url ?? '')) {
          count(route, 'bypass');
          setDefaultHeader(reply.raw, 'cache-status', 'stoa; fwd=bypass');
          return handOver.call(this, request, reply, done);
        }
        const give = () => handOver.call(this, request, reply, done);
        const asked = { route, request, reply, handOver: give, primary: placeOf(route, request), ifNoneMatch: headers['if-none-match'] };
        dropOthers(headers);
        const looked = lookUp(asked);
        const stored = answerOf(looked.finding.found);
        if (stored !== undefined) return hit(asked, stored);
        miss(asked, looked).catch((error: unknown) => {
          log.error({ err: error }, 'the response cache failed');
          reply.raw.destroy();
        });
      };
    },
    types: () => [...changes.keys()],
    observer: {
      onMessage({ type, key }) {
        const tags = (changes.get(type) ?? []).map(({ url, parameter, isId }) =>
          parameter === '*' ? routeTag(url) : pathTag(url, parameter, isId ? canonicalId(key) : key),
        );
        invalidate(tags);
      },
      onMissed() {
        fetches.leave();
        memory.clear();
        shared?.clear();
      },
    },
  };
}

/** Whether the answer is for one client alone, or the request has what the cache does not handle. */
const passesBy = (headers: IncomingHttpHeaders): boolean => hasCredentials(headers) || SPECIAL.some((name) => headers[name] !== undefined);

function dropOthers(headers: IncomingHttpHeaders): void {
  for (const name in headers) if (!PASSED.has(name)) delete headers[name];
}

type Outcome = 'hit' | 'miss' | 'collapsed' | 'bypass';
const METRIC = 'response_cache_requests_total';

function createCounter(metrics: Metrics): (route: CachedRoute, outcome: Outcome) => void {
  const counter =
    (metrics.getSingleMetric(METRIC) as Counter<'route' | 'outcome'> | undefined) ??
    new Counter({
      name: METRIC,
      help: 'Requests of routes whose answers may be kept, by how they were answered.',
      labelNames: ['route', 'outcome'],
      registers: [metrics],
    });
  return ({ url }, outcome) => counter.inc({ route: url, outcome });
}
