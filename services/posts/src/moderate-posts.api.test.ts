import { eventually } from '@stoa/service/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Person, type PostsUnderTest, postsUnderTest, tally, times } from './testing/posts-under-test.ts';

let stoa: PostsUnderTest;
let ada: Person;
let eve: Person;
let moderator: Person;
beforeAll(async () => {
  stoa = await postsUnderTest();
  ada = await stoa.person();
  eve = await stoa.person();
  moderator = await stoa.person('posts:moderate');
});
afterAll(() => stoa[Symbol.asyncDispose]());

const set = (action: 'hide' | 'show', id: string, as: Person | undefined = moderator) =>
  stoa.send('POST', `/v1/posts/${id}/${action}`, { as });
const outcome = (answer: Awaited<ReturnType<typeof set>>) => Object.keys(tally([answer]))[0];
const hiddenList = (query = '', as = moderator) => stoa.page(`hidden=true&${query}`, as);
const idsOf = ({ items }: { readonly items: readonly { readonly id: string }[] }) => items.map(({ id }) => id);

describe('a post that is hidden', () => {
  test('is there for nobody, not even for its author, until it is shown again', async () => {
    const post = await stoa.write(ada, { title: 'Obnubilated' });
    const lookers = [undefined, ada, eve, moderator];
    const seenBy = async (as: Person | undefined) => [
      (await stoa.send('GET', `/v1/posts/${post.id}`, { as })).statusCode,
      idsOf(await stoa.page('limit=100', as)).includes(post.id),
      idsOf(await stoa.page(`limit=100&author=${ada.id}`, as)).includes(post.id),
      idsOf(await stoa.page('q=obnubilated', as)).includes(post.id),
      idsOf(await stoa.page('q=a obnubilated', as)).includes(post.id),
      idsOf(await stoa.page('q=obnubilatd', as)).includes(post.id),
    ];
    for (const as of lookers) expect(await seenBy(as)).toEqual([200, true, true, true, true, true]);
    stoa.clock.advance(1_000);
    const answer = await set('hide', post.id);
    expect([answer.statusCode, answer.json()]).toEqual([200, post]);
    for (const as of lookers) expect(await seenBy(as)).toEqual([404, false, false, false, false, false]);
    expect((await set('show', post.id)).json()).toEqual(post);
    for (const as of lookers) expect(await seenBy(as)).toEqual([200, true, true, true, true, true]);
  });

  test('is in the list of those who moderate, by its words and by its author too', async () => {
    const post = await stoa.write(ada, { title: 'Pellucid' });
    const queries = ['', 'q=pellucid', 'q=a pellucid', 'q=pellucd', `author=${ada.id}`, `author=${ada.id}&q=pellucid`];
    const listed = async () => (await Promise.all(queries.map((query) => hiddenList(query)))).map((page) => idsOf(page).includes(post.id));
    expect(await listed()).toEqual(queries.map(() => false));
    await set('hide', post.id);
    expect(await listed()).toEqual(queries.map(() => true));
    expect((await hiddenList('limit=1')).items).toEqual([post]);
    expect((await hiddenList(`q=pellucid&author=${eve.id}`)).items).toEqual([]);
    await set('show', post.id);
    expect(await listed()).toEqual(queries.map(() => false));
  });

  test('cannot be changed; its author may delete it, and another person gets 404', async () => {
    const { id } = await stoa.write(ada);
    await set('hide', id);
    for (const as of [ada, eve, moderator]) {
      expect(outcome(await stoa.send('PATCH', `/v1/posts/${id}`, { as, body: { text: 'b' } }))).toBe('404 post_not_found');
    }
    expect(outcome(await stoa.send('DELETE', `/v1/posts/${id}`, { as: eve }))).toBe('404 post_not_found');
    expect(outcome(await stoa.send('DELETE', `/v1/posts/${id}`, { as: ada }))).toBe('204');
    expect(idsOf(await hiddenList())).not.toContain(id);
  });

  test('has another tag afterwards, so that a change made before is refused', async () => {
    const { id } = await stoa.write(ada);
    const tag = await stoa.tagOf(id);
    await set('hide', id);
    const shown = await set('show', id);
    expect(shown.headers['etag']).toBe(await stoa.tagOf(id));
    const answer = await stoa.send('PATCH', `/v1/posts/${id}`, { as: ada, body: { text: 'b' }, headers: { 'if-match': tag } });
    expect(answer.statusCode).toBe(412);
  });
});

describe('hiding and showing', () => {
  test('is published to readers and the audit log once, however often and parallel it is done', async () => {
    const { id } = await stoa.write(ada);
    const at = stoa.clock.now().toISOString();
    expect(tally(await times(10, () => set('hide', id)))).toEqual({ 200: 10 });
    expect(tally(await times(10, () => set('show', id)))).toEqual({ 200: 10 });
    const moderated = (action: string) => ({
      action,
      actor: `user:${moderator.id}`,
      subject: id,
      clientIp: '127.0.0.1',
      details: { authorId: ada.id },
      at,
    });
    expect((await stoa.eventsOf(id)).slice(1)).toEqual([
      { type: 'post-changed', data: { postId: id, version: 2, hidden: true, changedAt: at } },
      { type: 'audit-recorded', data: moderated('post-hidden') },
      { type: 'post-changed', data: { postId: id, version: 3, hidden: false, changedAt: at } },
      { type: 'audit-recorded', data: moderated('post-shown') },
    ]);
    await eventually(() => {
      const told = stoa.receivedBy('users').filter(({ data }) => (data as { subject?: string }).subject === id);
      expect(new Set(told.map(({ data }) => (data as { action: string }).action))).toEqual(new Set(['post-hidden', 'post-shown']));
    });
  });

  test('needs the permission, which a service account may have too', async () => {
    const { id } = await stoa.write(ada);
    for (const action of ['hide', 'show'] as const) {
      for (const as of [ada, eve, await stoa.person('users:read'), await stoa.serviceAccount()]) {
        expect(outcome(await set(action, id, as))).toBe('403 permission_denied');
      }
      expect(outcome(await stoa.send('POST', `/v1/posts/${id}/${action}`))).toBe('401 token_missing');
    }
    expect(await stoa.eventsOf(id)).toHaveLength(1);
    expect(outcome(await set('hide', id, await stoa.serviceAccount('posts:moderate')))).toBe('200');
    const { data } = (await stoa.eventsOf(id)).at(-1) as { data: Record<string, unknown> };
    expect(data['actor']).toMatch(/^service-account:[0-9a-f-]{36}$/);
  });

  test('of a post that is not there is 404', async () => {
    const { id } = await stoa.write(ada);
    await stoa.send('DELETE', `/v1/posts/${id}`, { as: ada });
    for (const action of ['hide', 'show'] as const) expect(outcome(await set(action, id))).toBe('404 post_not_found');
  });
});

describe('the list of what is hidden', () => {
  test('is for those who moderate', async () => {
    const asked = async (query: string, as?: Person) => outcome(await stoa.send('GET', `/v1/posts?hidden=true${query}`, { as }));
    for (const query of ['', '&q=title', `&author=${ada.id}`]) {
      expect(await asked(query)).toBe('401 token_missing');
      for (const as of [ada, await stoa.serviceAccount()]) expect(await asked(query, as)).toBe('403 permission_denied');
      for (const as of [moderator, await stoa.serviceAccount('posts:moderate')]) expect(await asked(query, as)).toBe('200');
    }
  });

  test('is read page by page, newest first, while posts are hidden and shown', async () => {
    stoa.clock.advance(1);
    const ids = (await times(12, () => stoa.write(ada)))
      .map(({ id }) => id)
      .sort()
      .reverse();
    await Promise.all(ids.map((id) => set('hide', id)));
    const first = await hiddenList('limit=5');
    expect(idsOf(first)).toEqual(ids.slice(0, 5));
    await set('show', ids[0] as string);
    await set('show', ids[7] as string);
    stoa.clock.advance(1);
    await set('hide', (await stoa.write(ada)).id);
    const second = await hiddenList(`limit=5&cursor=${first.nextCursor}`);
    expect(idsOf(second)).toEqual([...ids.slice(5, 7), ...ids.slice(8, 11)]);
    expect(idsOf(await hiddenList(`limit=5&cursor=${second.nextCursor}`))[0]).toBe(ids[11]);
  });

  test('has cursors of its own', async () => {
    await Promise.all((await times(2, () => stoa.write(ada))).map(({ id }) => set('hide', id)));
    await times(2, () => stoa.write(ada));
    const { nextCursor: hidden } = await hiddenList('limit=1');
    const { nextCursor: shown } = await stoa.page('limit=1');
    expect(outcome(await stoa.send('GET', `/v1/posts?cursor=${hidden}`))).toBe('400 invalid_cursor');
    expect(outcome(await stoa.send('GET', `/v1/posts?hidden=true&cursor=${shown}`, { as: moderator }))).toBe('400 invalid_cursor');
  });
});
