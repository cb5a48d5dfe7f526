import { type Clock, fakeClock } from '@stoa/service';
import { describe, expect, test } from 'vitest';
import type { CacheKey, CacheStore, StoredAnswer, VaryMark } from './store.ts';

let unique = 0;
const route = () => `/v1/things-${process.pid}-${++unique}/:id`;
const placeAt = (url: string, id: string): CacheKey => ({ key: `${url} ${id}`, tags: [url, `${url}\nid=${id}`] });

/** A remote level shortens the life of what it keeps by the time of the round trip. */
const about = (milliseconds: number) => expect.closeTo(milliseconds, -4);
const like = <S extends StoredAnswer | VaryMark>(stored: S) => ({
  ...stored,
  expiresAt: about(stored.expiresAt),
  ...('madeAt' in stored && { madeAt: about(stored.madeAt) }),
});

/** What every level of the response cache must do. */
export function cacheStoreContract(name: string, create: (clock: Clock) => CacheStore | Promise<CacheStore>): void {
  describe(`cache store: ${name}`, () => {
    const open = async () => {
      const clock = fakeClock();
      const answer = (text: string): StoredAnswer => ({
        madeAt: clock.now().getTime(),
        expiresAt: clock.now().getTime() + 60_000,
        headers: { etag: `"${text}"`, 'content-type': 'text/plain', 'x-many': ['a', 'b'] },
        body: Buffer.from(text),
      });
      return { clock, answer, store: await create(clock) };
    };
    const found = async (store: CacheStore, place: CacheKey) => (await store.find(place)).found;

    test('gives what was kept, byte by byte', async () => {
      const { store, answer } = await open();
      const place = placeAt(route(), '1');
      const finding = await store.find(place);
      expect(finding.found).toBeUndefined();
      const kept = { ...answer(''), body: Buffer.from([0, 255, 10, 128, 0]) };
      expect(finding.keep(kept)).toBe(true);
      expect(await found(store, place)).toEqual(like(kept));
      (await store.find(place)).keep(answer('other'));
      expect(await found(store, place)).toEqual(like(answer('other')));
    });

    test('keeps what answers vary by, and a variant at its own place', async () => {
      const { store, answer, clock } = await open();
      const place = placeAt(route(), '1');
      const variant = { key: `${place.key} variant`, tags: place.tags };
      const mark: VaryMark = { vary: ['accept', 'origin'], expiresAt: clock.now().getTime() + 60_000 };
      const finding = await store.find(place);
      finding.keep(answer('variant'), variant);
      finding.keep(mark);
      expect(await found(store, place)).toEqual(like(mark));
      expect(await found(store, variant)).toEqual(like(answer('variant')));
    });

    test('gives nothing that is too old', async () => {
      const { store, answer, clock } = await open();
      const place = placeAt(route(), '1');
      (await store.find(place)).keep(answer('old'));
      clock.advance(59_999);
      expect(await found(store, place)).toBeDefined();
      clock.advance(1);
      expect(await found(store, place)).toBeUndefined();
    });

    test('loses one path by its tag, and a route with all of its paths', async () => {
      const { store, answer } = await open();
      const [url, other] = [route(), route()];
      const places = [placeAt(url, '1'), placeAt(url, '2'), placeAt(other, '1')];
      for (const place of places) (await store.find(place)).keep(answer(place.key));
      store.invalidate([`${url}\nid=1`]);
      expect(await Promise.all(places.map((place) => found(store, place)))).toEqual([undefined, expect.anything(), expect.anything()]);
      store.invalidate([url]);
      expect(await Promise.all(places.map((place) => found(store, place)))).toEqual([undefined, undefined, expect.anything()]);
      store.clear();
      expect(await found(store, places[2] as CacheKey)).toBeUndefined();
    });

    test.each([
      ['path', (store: CacheStore, url: string) => store.invalidate([`${url}\nid=1`])],
      ['route', (store: CacheStore, url: string) => store.invalidate([url])],
      ['everything', (store: CacheStore) => store.clear()],
    ])('keeps nothing that was looked for before the %s was invalidated, and goes on after', async (_what, invalidate) => {
      const { store, answer } = await open();
      const url = route();
      const place = placeAt(url, '1');
      const early = await store.find(place);
      invalidate(store, url);
      early.keep(answer('from before'));
      expect(await found(store, place)).toBeUndefined();
      const late = await store.find(place);
      late.keep(answer('from after'));
      early.keep(answer('from before, and slow'));
      expect((await found(store, place)) as StoredAnswer | undefined).not.toMatchObject({ headers: { etag: '"from before, and slow"' } });
    });
  });
}
