import { eventually } from '@stoa/service/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { ask } from './ask.ts';
import { post } from './client.ts';
import { administrator, type LoggedIn, loggedIn } from './logged-in.ts';
import { type SharedStoa, sharedStoa } from './shared-stoa.ts';

interface Post {
  readonly id: string;
  readonly text: string;
  readonly author: { readonly id: string; readonly name: string | null };
}

describe('posts', () => {
  let stoa: SharedStoa;
  let ada: LoggedIn;
  let admin: LoggedIn;
  beforeAll(async () => {
    stoa = await sharedStoa();
    ada = await loggedIn(stoa.url, { fullName: 'Ada Lovelace' });
    admin = await administrator(stoa);
  });

  const write = async (by: LoggedIn, title = 'Notes') => (await (await writing(by, title)).json()) as Post;
  const writing = ({ authorization }: LoggedIn, title = 'Notes') =>
    post(`${stoa.url}/v1/posts`, { title, text: 'It can do whatever we know how to order it to perform.' }, { authorization });
  const read = (id: string) => fetch(`${stoa.url}/v1/posts/${id}`);
  const list = async (query = '') => ((await (await fetch(`${stoa.url}/v1/posts${query}`)).json()) as { items: Post[] }).items;
  const send = (method: string, path: string, { authorization }: LoggedIn, body?: object, headers: Record<string, string> = {}) =>
    fetch(`${stoa.url}${path}`, {
      method,
      headers: { authorization, ...(body && { 'content-type': 'application/json' }), ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
  /** Waits for the name, as the tag covers both the post and the name. @returns the tag */
  const named = (id: string, name: string) =>
    eventually(async () => {
      const answer = await read(id);
      expect(await answer.json()).toMatchObject({ author: { name } });
      return answer.headers.get('etag') as string;
    });

  test('a reader without an account sees posts with their authors; a new name of an author is shown soon', async () => {
    const grace = await loggedIn(stoa.url, { fullName: 'Grace Hopper' });
    const { id } = await write(grace, 'On compilers');
    await named(id, 'Grace Hopper');
    await eventually(async () =>
      expect(await list()).toContainEqual(expect.objectContaining({ id, author: { id: grace.id, name: 'Grace Hopper' } })),
    );
    expect((await list('?q=compilers')).map((found) => found.id)).toEqual([id]);
    expect((await send('PATCH', '/v1/users/me', grace, { fullName: 'Grace Murray' })).status).toBe(200);
    await named(id, 'Grace Murray');
    await eventually(async () => expect((await list(`?author=${grace.id}`))[0]?.author.name).toBe('Grace Murray'));
  });

  test('only its author changes a post, and not over a change that they have not seen', async () => {
    const { id } = await write(ada);
    const tag = await named(id, 'Ada Lovelace');
    const change = (by: LoggedIn, text: string, ifMatch: string) => send('PATCH', `/v1/posts/${id}`, by, { text }, { 'if-match': ifMatch });
    expect((await change(await loggedIn(stoa.url), 'theirs', tag)).status).toBe(403);
    const changed = await change(ada, 'first', tag);
    expect([changed.status, await changed.json()]).toMatchObject([200, { id, text: 'first' }]);
    expect((await change(ada, 'second', tag)).status).toBe(412);
    expect((await send('DELETE', `/v1/posts/${id}`, ada, undefined, { 'if-match': tag })).status).toBe(412);
    await eventually(async () => expect(await (await read(id)).json()).toMatchObject({ text: 'first' }));
    expect((await change(ada, 'second', changed.headers.get('etag') as string)).status).toBe(200);
  });

  test('only moderators see a hidden post and show it again, and the audit log names the moderator', async () => {
    const { id } = await write(ada, 'Advertisement');
    expect((await send('POST', `/v1/posts/${id}/hide`, ada)).status).toBe(403);
    expect((await send('POST', `/v1/posts/${id}/hide`, admin)).status).toBe(200);
    await eventually(async () => expect((await read(id)).status).toBe(404));
    await eventually(async () => expect(await list('?q=advertisement')).toEqual([]));
    expect((await send('GET', '/v1/posts?hidden=true', ada)).status).toBe(403);
    expect(((await (await send('GET', '/v1/posts?hidden=true', admin)).json()) as { items: Post[] }).items[0]).toMatchObject({ id });
    expect((await send('POST', `/v1/posts/${id}/show`, admin)).status).toBe(200);
    await eventually(async () => expect((await read(id)).status).toBe(200));
    await eventually(async () => {
      const { items } = (await (await send('GET', `/v1/audit?subject=${id}`, admin)).json()) as { items: object[] };
      expect(items).toMatchObject([
        { action: 'post-shown', actor: `user:${admin.id}`, details: { authorId: ada.id } },
        { action: 'post-hidden', actor: `user:${admin.id}`, address: expect.any(String), details: { authorId: ada.id } },
      ]);
    });
  });

  test('the posts and the name of an account are deleted with it', async () => {
    const hedy = await loggedIn(stoa.url, { fullName: 'Hedy Lamarr' });
    const posts = [await write(hedy), await write(hedy), await write(hedy)];
    for (const { id } of posts) await named(id, 'Hedy Lamarr');
    expect((await send('DELETE', '/v1/users/me', hedy)).status).toBe(204);
    for (const { id } of posts) await eventually(async () => expect((await read(id)).status).toBe(404));
    await eventually(async () => expect(await list(`?author=${hedy.id}`)).toEqual([]));
    expect(await ask(stoa.dataDirectory, 'posts', 'select name from authors where id = $1', [hedy.id])).toEqual([{ name: null }]);
    expect((await writing(hedy)).status).toBe(401);
  });
});
