import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import type { Pool } from 'undici';

const CONNECT_MS = 1_000;
/**
 * An idle connection is closed after so long: sooner than a server that ends closes its own (its keep-alive is 72 s, its draining
 * 3 s), so that no request meets a connection that is being closed.
 */
const IDLE_MS = 2_000;
/** An answer whose body pauses for so long is cut; intentional streams send something more often. */
const SILENCE_MS = 60_000;
const LOOKUP_MS = 1_000;
/** How long an address that failed is left out. */
const LEAVE_OUT_MS = 1_000;

/** One process of a service. */
export interface Address {
  readonly ip: string;
  readonly origin: string;
  readonly pool: Pool;
  /** Requests that it has not answered yet. */
  inHand: number;
  leftOutUntil: number;
}

/** All processes of a service, as its URLs name them. */
export interface Addresses {
  /** Resolves when names have been looked up for the first time; `undefined` when they were. */
  readonly firstLookup: Promise<void> | undefined;
  /** Why a name could not be looked up, as long as one cannot. */
  readonly trouble: unknown;
  /** The one with the least to do, those with as little in turn; `avoided` and those that failed just now only if there is no other. */
  choose(avoided?: Address): Address | undefined;
  close(): Promise<void>;
}

/** Called when a name cannot be looked up any more, and, without an error, when it can again. */
export type OnName = (hostname: string, error?: unknown) => void;

/** @throws TypeError for a URL that is none of http: or https:. */
export function createAddresses(urls: readonly string[], onName: OnName, find: typeof lookup = lookup): Addresses {
  const targets = urls.map(readTarget);
  const failing = new Map<string, unknown>();
  const known = new Map<string, Address>();
  let list: Address[] = [];
  let turn = 0;

  async function resolve({ hostname, origin }: Target): Promise<string[]> {
    if (isIP(hostname) !== 0) return [hostname];
    try {
      const found = await find(hostname, { all: true });
      if (failing.delete(hostname)) onName(hostname);
      return found.map(({ address }) => address);
    } catch (error) {
      if (!failing.has(hostname)) onName(hostname, error);
      failing.set(hostname, error);
      // A name server that is away takes no address away.
      return [...known.values()].filter((each) => each.origin === origin).map(({ ip }) => ip);
    }
  }

  async function look(): Promise<void> {
    // A process that has all services inside loads no client.
    const undici = await import('undici');
    const found = await Promise.all(targets.map(async (target) => ({ target, ips: await resolve(target) })));
    const current = new Set<string>();
    for (const { target, ips } of found) {
      for (const ip of ips) {
        const key = `${ip} ${target.origin}`;
        current.add(key);
        if (!known.has(key))
          known.set(key, { ip, origin: target.origin, pool: createPool(undici.Pool, target, ip), inHand: 0, leftOutUntil: 0 });
      }
    }
    for (const [key, { pool }] of known) {
      if (current.has(key)) continue;
      known.delete(key);
      // Ends requests in progress first.
      void pool.close();
    }
    list = [...known.values()];
  }

  const hasNames = targets.some(({ hostname }) => isIP(hostname) === 0);
  let looking: Promise<void> | undefined = look().finally(() => {
    looking = undefined;
  });
  const timer = hasNames ? setInterval(() => (looking ??= look().finally(() => (looking = undefined))), LOOKUP_MS).unref() : undefined;
  let firstLookup: Promise<void> | undefined = looking.finally(() => {
    firstLookup = undefined;
  });

  return {
    get firstLookup() {
      return firstLookup;
    },
    get trouble() {
      return failing.values().next().value;
    },
    choose(avoided) {
      const now = performance.now();
      let best: Address | undefined;
      let last: Address | undefined;
      turn += 1;
      for (let step = 0; step < list.length; step += 1) {
        const address = list[(turn + step) % list.length] as Address;
        if (address === avoided || address.leftOutUntil > now) {
          if (last === undefined || last === avoided) last = address;
        } else if (best === undefined || address.inHand < best.inHand) best = address;
      }
      return best ?? last;
    },
    async close() {
      clearInterval(timer);
      await looking;
      await Promise.all(list.map(({ pool }) => pool.destroy()));
      list = [];
    },
  };
}

export function leaveOut(address: Address): void {
  address.leftOutUntil = performance.now() + LEAVE_OUT_MS;
}

interface Target {
  readonly origin: string;
  readonly hostname: string;
}

function readTarget(url: string): Target {
  const { protocol, hostname, origin } = new URL(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError(`${url} does not begin with http:// or https://`);
  return { origin, hostname: hostname.replace(/^\[|\]$/g, '') };
}

/** Connections to one address of a name: `Host` and the certificate are the name's. */
function createPool(PoolClass: typeof Pool, { origin }: Target, address: string): Pool {
  const family = isIP(address);
  const lookupKnown: LookupFunction = (_hostname, { all }, callback) => {
    if (all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
  return new PoolClass(origin, {
    connectTimeout: CONNECT_MS,
    connect: { lookup: lookupKnown },
    keepAliveTimeout: IDLE_MS,
    // Whatever the server proposes.
    keepAliveMaxTimeout: IDLE_MS,
    bodyTimeout: SILENCE_MS,
    allowH2: false,
    pipelining: 1,
  });
}
