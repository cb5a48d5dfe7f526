import type { LoggedIn } from '../e2e/logged-in.ts';
import type { Work } from './scenario.ts';

/** People write in turn, each post with an `Idempotency-Key` and a unique title. Each must exist once, as its author was answered. */
export const writingBy = (people: readonly LoggedIn[]): Work => ({
  requestOf: (name, number) => ({
    path: '/v1/posts',
    body: { title: name, text: 'Notes on the Analytical Engine' },
    headers: { authorization: (people[number % people.length] as LoggedIn).authorization, 'idempotency-key': name },
  }),
  async examine({ batch, wishes }, ask) {
    const stored = await ask<{ id: string; title: string }>('posts', 'select id, title from posts where title like $1', [`${batch}-%`]);
    const idsOf = Map.groupBy(stored, ({ title }) => title);
    const promised = wishes.filter(({ accepted }) => accepted !== undefined);
    const lost = promised.filter(({ name, accepted }) => !idsOf.get(name)?.some(({ id }) => id === accepted?.id));
    const twice = [...idsOf].filter(([, posts]) => posts.length > 1);
    const promisedNames = new Set(promised.map(({ name }) => name));
    return {
      lost: lost.map(({ name, accepted }) => `${name}: answered ${accepted?.id}, stored ${idsOf.get(name)?.map(({ id }) => id)}`),
      twice: twice.map(([name, posts]) => `${name}: ${posts.length} posts`),
      wrong: [...idsOf.keys()].filter((name) => !promisedNames.has(name)).map((name) => `${name}: a post without a 201`),
    };
  },
});
