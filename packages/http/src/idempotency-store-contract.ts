import { randomBytes, randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { IdempotencyClaim, IdempotencyStore } from './idempotency-store.ts';

const now = new Date('2026-11-21T09:00:00Z');
const later = (milliseconds: number) => new Date(now.getTime() + milliseconds);
const LEASE = 60_000;
const LIFE = 86_400_000;

/** What every adapter of the port `IdempotencyStore` must do. */
export function idempotencyStoreContract(name: string, create: () => Promise<IdempotencyStore>): void {
  describe(`idempotency store: ${name}`, () => {
    let store: IdempotencyStore;
    beforeAll(async () => {
      store = await create();
    });
    const first = (): IdempotencyClaim => ({ ...claimAt(0), key: randomBytes(32), request: randomBytes(32) });
    const claimAt = (ms: number) => ({
      owner: randomUUID(),
      reservedResourceId: randomUUID(),
      now: later(ms),
      leaseUntil: later(ms + LEASE),
      expiresAt: later(ms + LIFE),
    });
    /** The same request once more, by another try. */
    const again = (claim: IdempotencyClaim, ms = 0): IdempotencyClaim => ({ ...claim, ...claimAt(ms) });
    const answer = randomBytes(100);

    test('of parallel claims exactly one is the first', async () => {
      const claim = first();
      const states = (await Promise.all(Array.from({ length: 20 }, () => store.begin(again(claim))))).map(({ state }) => state);
      expect(states.toSorted()).toEqual(['claimed', ...Array<string>(19).fill('running')]);
    });

    test('the answer of the first is that of every repeat', async () => {
      const claim = first();
      await store.begin(claim);
      await store.finish(claim.key, claim.owner, answer);
      expect(await store.begin(again(claim))).toEqual({ state: 'answered', answer });
      expect(await store.begin(again(claim, LEASE))).toEqual({ state: 'answered', answer });
    });

    test('another request with the key is recognised, whether the first runs, is dead, or is answered', async () => {
      const claim = first();
      await store.begin(claim);
      const other = { ...claim, request: randomBytes(32) };
      expect(await store.begin(again(other))).toEqual({ state: 'other-request' });
      expect(await store.begin(again(other, LEASE))).toEqual({ state: 'other-request' });
      await store.finish(claim.key, claim.owner, answer);
      expect(await store.begin(again(other))).toEqual({ state: 'other-request' });
      expect(await store.begin(again(claim)), 'and the first keeps its answer').toEqual({ state: 'answered', answer });
    });

    test('keys do not touch each other', async () => {
      const claim = first();
      await store.begin(claim);
      expect(await store.begin({ ...again(claim), key: randomBytes(32) })).toMatchObject({ state: 'claimed' });
    });

    test('a try that is given up is taken over at once, by the same request alone, and what that makes keeps its id', async () => {
      const claim = first();
      await store.begin(claim);
      await store.giveUp(claim.key, claim.owner, later(1));
      expect(await store.begin(again({ ...claim, request: randomBytes(32) }, 1))).toEqual({ state: 'other-request' });
      const found = await Promise.all(Array.from({ length: 20 }, () => store.begin(again(claim, 1))));
      expect(found.filter(({ state }) => state === 'claimed')).toEqual([
        { state: 'claimed', reservedResourceId: claim.reservedResourceId },
      ]);
      expect(found.filter(({ state }) => state === 'running')).toHaveLength(19);
    });

    test('giving up makes no lease longer', async () => {
      const claim = first();
      await store.begin(claim);
      await store.giveUp(claim.key, claim.owner, later(2 * LEASE));
      expect(await store.begin(again(claim, LEASE))).toEqual({ state: 'claimed', reservedResourceId: claim.reservedResourceId });
    });

    test('a try that died is taken over at the end of its lease, by one of many', async () => {
      const claim = first();
      await store.begin(claim);
      expect(await store.begin(again(claim, LEASE - 1))).toEqual({ state: 'running' });
      const states = (await Promise.all(Array.from({ length: 20 }, () => store.begin(again(claim, LEASE))))).map(({ state }) => state);
      expect(states.toSorted()).toEqual(['claimed', ...Array<string>(19).fill('running')]);
    });

    test('what a request makes has the same id in each try', async () => {
      const claim = first();
      expect(await store.begin(claim)).toEqual({ state: 'claimed', reservedResourceId: claim.reservedResourceId });
      expect(await store.begin(again(claim, LEASE))).toEqual({ state: 'claimed', reservedResourceId: claim.reservedResourceId });
      expect(await store.begin(again(claim, 2 * LEASE))).toEqual({ state: 'claimed', reservedResourceId: claim.reservedResourceId });
    });

    test('what was taken over can no longer be finished nor given up by the one before', async () => {
      const claim = first();
      await store.begin(claim);
      const second = again(claim, LEASE);
      await store.begin(second);
      await store.giveUp(claim.key, claim.owner, later(LEASE));
      await store.finish(claim.key, claim.owner, randomBytes(10));
      expect(await store.begin(again(claim, LEASE))).toEqual({ state: 'running' });
      await store.finish(second.key, second.owner, answer);
      expect(await store.begin(again(claim, LEASE))).toEqual({ state: 'answered', answer });
    });

    test('an answer that is late, but was not taken over, is kept; one that is kept stays', async () => {
      const claim = first();
      await store.begin(claim);
      await store.finish(claim.key, claim.owner, answer);
      await store.finish(claim.key, claim.owner, randomBytes(10));
      await store.giveUp(claim.key, claim.owner, later(0));
      expect(await store.begin(again(claim, 5 * LEASE))).toEqual({ state: 'answered', answer });
    });

    test('a key is forgotten at its time, not before, for any request', async () => {
      const claim = first();
      await store.begin(claim);
      await store.finish(claim.key, claim.owner, answer);
      expect(await store.begin(again(claim, LIFE - 1))).toEqual({ state: 'answered', answer });
      const other = { ...again(claim, LIFE), request: randomBytes(32) };
      expect(await store.begin(other)).toEqual({ state: 'claimed', reservedResourceId: other.reservedResourceId });
      expect(await store.begin(again(other, LIFE)), 'without the answer of before').toEqual({ state: 'running' });
    });
  });
}
