import { hash } from 'node:crypto';
import { abortable, type Clock, type HealthPart, type Logger, type Loop, pause, startLoop, withTimeout } from '@stoa/service';
import { type AccessClaims, CLOCK_TOLERANCE_SECONDS, importPublicKeys, type KeysById, verifyAccessToken } from './access-tokens.ts';
import { authErrors } from './errors.ts';
import type { IdentityAnswer, IdentityQuestion, IdentityState } from './identity-feed.ts';
import { type Principal, tokenInvalid } from './principal.ts';
import { createRevocations } from './revocations.ts';

export interface IdentityOptions {
  /** Asks users; see `identity-feed.ts`. */
  readonly ask: (question: IdentityQuestion) => Promise<IdentityAnswer>;
  readonly log: Logger;
  readonly clock: Clock;
  /** After so long without an answer nobody is admitted. */
  readonly staleAfterMs?: number;
  /** Milliseconds of a clock that is never set; for tests. */
  readonly monotonic?: () => number;
}

/** A process's view of who has access: kept up to date by one question after the other to users, never one per request. */
export interface Identity {
  /** Resolves once the first answer is there, or after a few seconds without one: the questions go on in the background. */
  start(): Promise<void>;
  stop(): Promise<void>;
  health(): HealthPart;
  /** Asks at once: for a process that has just changed something itself, so that it holds there before the answer. Never throws. */
  refresh(): Promise<void>;
  /**
   * The principal that sends `Authorization: Bearer <token>`, an access token or an API key.
   * @throws 401 `token_invalid`; 503 `identity_stale`.
   */
  authenticate(token: string): Promise<Principal>;
}

export const API_KEY_PREFIX = 'stoa_sk_';

const STALE_AFTER_MS = 30_000;
/** Between two questions, whatever the answers: consecutive changes come together. */
const PAUSE_MS = 100;
const FAILURE_PAUSE_MS = 500;
const START_LIMIT_MS = 5_000;
/** The longest that a request waits for its own change to arrive; the change arrives all the same. */
const REFRESH_LIMIT_MS = 1_000;
const MOST_VERIFIED = 20_000;
/** Between two questions because of unknown keys: a client that makes keys up cannot make us ask more often. */
const UNKNOWN_PAUSE_MS = 250;
/** Longer than any token of ours with some dozens of roles: nothing is computed over what a client makes up. */
const LONGEST_TOKEN = 8_192;

interface Known {
  readonly keys: KeysById;
  readonly roles: ReadonlyMap<string, readonly string[]>;
  readonly serviceAccounts: ReadonlyMap<string, IdentityState['serviceAccounts'][number]>;
}

interface Verified {
  readonly claims: AccessClaims;
  /** Made from `known`: another one when roles or keys have changed. */
  principal: Principal;
  known: Known;
}

export function createIdentity(options: IdentityOptions): Identity {
  const { ask, log, clock, staleAfterMs = STALE_AFTER_MS, monotonic = () => performance.now() } = options;
  const revocations = createRevocations();
  const verified = new Map<string, Verified>();
  let used = new Set<string>();
  let known: Known | undefined;
  let place: { cursor: string; version: string } | undefined;
  let questions = 0;
  /** The number of the latest question whose answer holds. */
  let answered = 0;
  let lastAnswerAt = Number.NEGATIVE_INFINITY;
  const stopping = new AbortController();
  let asking: Loop | undefined;

  const isStale = () => monotonic() - lastAnswerAt > staleAfterMs;

  async function askOnce(wait: boolean): Promise<void> {
    const reported = used;
    used = new Set();
    questions += 1;
    const number = questions;
    try {
      const { cursor, version, state, revocations: news } = await ask({ ...place, wait, used: [...reported].slice(0, 1_000) });
      const learned = state && (await learn(state));
      revocations.add(news, clock.now());
      lastAnswerAt = monotonic();
      // When two answers cross, the one to the later question counts. Cursors do not show the order: a restored database has lower ones.
      if (number < answered) return;
      // It leaves out a state that another answer has replaced meanwhile: the next question brings it.
      if (learned === undefined && place?.version !== version) return;
      answered = number;
      known = learned ?? known;
      place = { cursor, version };
    } catch (error) {
      used = reported.union(used);
      throw error;
    }
  }

  function keepAsking(onFirst: () => void): Loop {
    let failing = false;
    return startLoop({
      async step() {
        await askOnce(true);
        if (failing) log.info('users answers again: sessions are checked as before');
        failing = false;
        onFirst();
        return PAUSE_MS;
      },
      onFailure(error) {
        if (!failing && !stopping.signal.aborted) log.warn({ err: error }, 'users does not answer: which sessions have ended is not known');
        failing = true;
        return FAILURE_PAUSE_MS;
      },
    });
  }

  let askingForUnknown: Promise<void> | undefined;
  let askedForUnknownAt = Number.NEGATIVE_INFINITY;

  /** Asks once for all that wait. */
  function askForUnknown(): Promise<void> {
    askingForUnknown ??= (async () => {
      const wait = askedForUnknownAt + UNKNOWN_PAUSE_MS - performance.now();
      if (wait > 0) await pause(wait, stopping.signal);
      askedForUnknownAt = performance.now();
      // A caller that comes from now on may have a key that is newer than this question.
      askingForUnknown = undefined;
      await askOnce(false).catch(() => {});
    })();
    return askingForUnknown;
  }

  /** A key that was made a moment ago, in another process, is good at once: before one is refused, users is asked. */
  async function findServiceAccount(
    apiKey: string,
    { serviceAccounts }: Known,
  ): Promise<IdentityState['serviceAccounts'][number] | undefined> {
    const digest = hash('sha256', apiKey, 'base64url');
    const account = serviceAccounts.get(digest);
    if (account !== undefined) return account;
    await withTimeout(askForUnknown(), REFRESH_LIMIT_MS, () => {});
    return known?.serviceAccounts.get(digest);
  }

  function principalOf(claims: AccessClaims, { roles }: Known): Principal {
    const permissions = new Set(claims.roles.flatMap((role) => roles.get(role) ?? []));
    return { kind: 'user', id: claims.subject, sessionId: claims.sessionId, roles: claims.roles, permissions };
  }

  async function verify(token: string, now: Known): Promise<Verified> {
    const digest = hash('sha256', token, 'base64url');
    let entry = verified.get(digest);
    if (entry === undefined) {
      const claims = await verifyAccessToken(token, now.keys, clock.now());
      if (claims === undefined) throw tokenInvalid();
      entry = { claims, principal: principalOf(claims, now), known: now };
      if (verified.size >= MOST_VERIFIED) verified.delete(verified.keys().next().value as string);
      verified.set(digest, entry);
    } else if (entry.known !== now) {
      // A key that was withdrawn, or a role that has other permissions now.
      verified.delete(digest);
      return await verify(token, now);
    }
    if ((entry.claims.expiresAt + CLOCK_TOLERANCE_SECONDS) * 1_000 <= clock.now().getTime()) {
      verified.delete(digest);
      throw tokenInvalid();
    }
    return entry;
  }

  return {
    async start() {
      const { promise: heard, resolve } = Promise.withResolvers<void>();
      asking = keepAsking(resolve);
      const answeredOrStopped = abortable(heard, stopping.signal).catch(() => {});
      await withTimeout(answeredOrStopped, START_LIMIT_MS, () => {});
    },
    async stop() {
      stopping.abort();
      // A question that users holds ends with users, or at its time limit: nobody waits for it.
      if (asking !== undefined) await withTimeout(asking.stop(), PAUSE_MS, () => {});
    },
    health() {
      const name = 'identity';
      if (isStale()) return { name, ok: false, background: true, detail: 'users has not answered: nobody can be admitted' };
      return { name, ok: true, background: true };
    },
    async refresh() {
      const asked = askOnce(false).catch(() => {});
      await withTimeout(asked, REFRESH_LIMIT_MS, () => {});
    },
    async authenticate(token) {
      if (known === undefined || isStale()) throw authErrors.identity_stale({ retryAfterSeconds: 2 });
      if (token.length > LONGEST_TOKEN) throw tokenInvalid();
      if (token.startsWith(API_KEY_PREFIX)) {
        const account = await findServiceAccount(token, known);
        if (account === undefined || (account.expiresAt !== null && account.expiresAt <= clock.now().getTime())) throw tokenInvalid();
        used.add(account.id);
        return { kind: 'service-account', id: account.id, name: account.name, permissions: new Set(account.permissions) };
      }
      const { claims, principal } = await verify(token, known);
      if (revocations.cover(claims)) throw tokenInvalid();
      return principal;
    },
  };
}

async function learn({ keys, roles, serviceAccounts }: IdentityState): Promise<Known> {
  return {
    keys: await importPublicKeys(keys),
    roles: new Map(Object.entries(roles)),
    serviceAccounts: new Map(serviceAccounts.map((account) => [account.digest, account])),
  };
}
