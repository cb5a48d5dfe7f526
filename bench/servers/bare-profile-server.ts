import { fastify } from 'fastify';
import pg from 'pg';

/** Fastify and pg as in their own documentation: `bare-profile-server.ts DATABASE_URL ID` answers one row, without authentication. */
const [connectionString, id] = process.argv.slice(2) as [string, string];
const pool = new pg.Pool({ connectionString, max: 10 });
const text = { type: 'string' } as const;
const nullable = { type: ['string', 'null'] } as const;
const User = {
  type: 'object',
  properties: {
    id: text,
    email: text,
    login: nullable,
    phone: nullable,
    fullName: nullable,
    status: text,
    roles: { type: 'array', items: text },
    createdAt: text,
  },
} as const;
const http = fastify();
http.get('/v1/users/me', { schema: { response: { 200: User } } }, async () => {
  const { rows } = await pool.query('select id, email, login, phone, full_name, status, roles, created_at from users where id = $1', [id]);
  const { full_name: fullName, created_at: createdAt, ...user } = rows[0];
  return { ...user, fullName, createdAt: createdAt.toISOString() };
});
console.log(await http.listen({ port: 0, host: '127.0.0.1' }));
