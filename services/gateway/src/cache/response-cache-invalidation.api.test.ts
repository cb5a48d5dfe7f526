import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startCachedGateway } from '../testing/cached-gateway.ts';
import { type CachedGatewayWithClient, note, startCachedGatewayWithClient, unique } from '../testing/cached-gateway-with-client.ts';

describe.each(['here', 'elsewhere'] as const)('a public answer of a service %s', (where) => {
  let system: CachedGatewayWithClient;
  beforeAll(async () => {
    system = await startCachedGatewayWithClient(where);
  });
  beforeEach(() => system.answers(undefined));
  afterAll(() => system[Symbol.asyncDispose]());

  describe('ends with an event', () => {
    test('of its key; others stay, and those of routes that depend on any', async () => {
      const [mine, other] = [note(), note()];
      for (const path of [mine, other, '/v1/notes']) await system.ask(path);
      await system.publish('note-changed', mine.split('/')[3] as string);
      expect(await system.askedBy(() => system.ask(mine))).toBe(1);
      expect(await system.askedBy(() => system.ask(other))).toBe(0);
      expect(await system.askedBy(() => system.ask('/v1/notes'))).toBe(1);
    });

    test('of its type, where all answers depend on it', async () => {
      const paths = [note(), `${note()}?page=2`];
      for (const path of [...paths, '/v1/notes']) await system.ask(path);
      await system.publish('notes-imported', 'anything');
      for (const path of paths) expect(await system.askedBy(() => system.ask(path))).toBe(1);
      expect(await system.askedBy(() => system.ask('/v1/notes'))).toBe(0);
    });

    test('however its path was spelled', async () => {
      const id = `with / and é ${unique()}`;
      const path = `/v1/notes/${encodeURIComponent(id)}`;
      await system.ask(path);
      await system.publish('note-changed', id);
      expect(await system.askedBy(() => system.ask(path))).toBe(1);
    });

    test('also while it is fetched: only earlier requests get what was read before, and it is not kept', async () => {
      const path = note();
      const door = system.hold();
      const before = system.asked();
      const old = [system.ask(path), system.ask(path)];
      await system.isAsked(1, before);
      await system.publish('note-changed', path.split('/')[3] as string);
      system.answers(() => ({ fresh: true }));
      expect((await system.ask(path)).body, 'a request after it').toBe('{"fresh":true}');
      door.open();
      expect((await Promise.all(old)).map(({ body }) => body)).toEqual(['{"held":true}', '{"held":true}']);
      expect((await system.ask(path)).body).toBe('{"fresh":true}');
    });
  });

  test('of an unavailable service is still given; one that is not kept is 503', async () => {
    await using away = await startCachedGateway({ where });
    const kept = note();
    const at = (path: string) => fetch(`${away.url}${path}`);
    const first = await (await at(kept)).text();
    await away.stopService();
    expect(await (await at(kept)).text()).toBe(first);
    if (where === 'elsewhere') expect((await at(note())).status).toBe(503);
  });
});
