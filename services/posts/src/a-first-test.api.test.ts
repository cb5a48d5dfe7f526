import { startTestService } from '@stoa/kit/testing';
import { expect, test } from 'vitest';
import { posts } from './index.ts';

test('a post is read by everybody, and changed by its author alone', async () => {
  await using service = await startTestService(posts);
  const [ada, eve] = [await service.person(), await service.person()];
  const { id } = (await service.send('POST', '/v1/posts', { as: ada, body: { title: 'Hello', text: 'World' } })).json();
  expect((await service.send('GET', `/v1/posts/${id}`)).json()).toMatchObject({ title: 'Hello' });
  expect((await service.send('DELETE', `/v1/posts/${id}`, { as: eve })).statusCode).toBe(403);
});
