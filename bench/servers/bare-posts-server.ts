import { fastify } from 'fastify';
import pg from 'pg';

/**
 * Fastify and pg as their own documentation shows them: `bare-posts-server.ts DATABASE_URL CURSOR` answers the first page of posts and one
 * post, by the statements that the service sends. It gives the same cursor to all, as there is no standard form of one.
 */
const [connectionString, nextCursor] = process.argv.slice(2) as [string, string];
const pool = new pg.Pool({ connectionString, max: 10 });
const text = { type: 'string' } as const;
const time = { type: 'string', format: 'date-time' } as const;
const Author = { type: 'object', nullable: true, properties: { id: text, name: { type: 'string', nullable: true } } } as const;
const Post = { type: 'object', properties: { id: text, title: text, text, author: Author, createdAt: time, updatedAt: time } } as const;
const Page = { type: 'object', properties: { items: { type: 'array', items: Post }, nextCursor: text } } as const;

const columns = `"posts"."id", "posts"."title", "posts"."text", "posts"."author_id" as "authorId", "posts"."created_at" as "createdAt",
  "posts"."updated_at" as "updatedAt", "posts"."hidden_at" as "hiddenAt"`;
const list = {
  name: 'list',
  text: `select ${columns}, (select name from authors where authors.id = posts.author_id) as "authorName" from "posts"
    where "hidden_at" is null order by "id" desc limit $1`,
};
const one = {
  name: 'one',
  text: `select ${columns}, "authors"."name" as "authorName", "posts"."version", coalesce(authors.version, 0) as "authorVersion" from "posts"
    left join "authors" on "authors"."id" = "posts"."author_id" where "posts"."id" = $1`,
};
type Row = { authorId: string; authorName: string; hiddenAt: Date | null };
const answerOf = ({ authorId, authorName, ...post }: Row) => ({ ...post, author: { id: authorId, name: authorName } });

const http = fastify();
http.get('/v1/posts', { schema: { response: { 200: Page } } }, async (request) => {
  const { limit } = request.query as { limit: string };
  const { rows } = await pool.query<Row>({ ...list, values: [Number(limit) + 1] });
  return { items: rows.slice(0, -1).map(answerOf), nextCursor };
});
http.get('/v1/posts/:id', { schema: { response: { 200: Post } } }, async (request) => {
  const { rows } = await pool.query<Row>({ ...one, values: [(request.params as { id: string }).id] });
  return answerOf(rows[0] as Row);
});
console.log(await http.listen({ port: 0, host: '127.0.0.1' }));
