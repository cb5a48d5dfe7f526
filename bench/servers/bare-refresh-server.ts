import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { uuidv7 } from '@stoa/service';
import { fastify } from 'fastify';
import { SignJWT } from 'jose';
import pg from 'pg';

/** Fastify, pg and jose as their own documentation shows them: `bare-refresh-server.ts DATABASE_URL SESSIONS`. */
const [connectionString, sessions] = process.argv.slice(2) as [string, string];
const pool = new pg.Pool({ connectionString, max: 10 });
const { privateKey } = generateKeyPairSync('ed25519');
const digestOf = (token: string) => createHash('sha256').update(token).digest();
const newToken = (id: string) => `${id}.${randomBytes(32).toString('base64url')}`;
const text = { type: 'string' } as const;
const Answer = {
  type: 'object',
  properties: {
    accessToken: text,
    refreshToken: text,
    tokenType: text,
    expiresIn: { type: 'integer' },
    user: {
      type: 'object',
      properties: {
        id: text,
        email: text,
        login: { type: ['string', 'null'] },
        status: text,
        roles: { type: 'array', items: text },
        createdAt: text,
      },
    },
  },
} as const;

const http = fastify();
http.post('/sessions', async () => {
  // The newest of an account by their ids, as those of Stoa are: it ends the oldest beyond a hundred.
  const tokens = Array.from({ length: Number(sessions) }, () => newToken(uuidv7()));
  for (const token of tokens) {
    await pool.query(
      `insert into sessions (id, user_id, generation, digest, created_at, refreshed_at, idle_expires_at, expires_at, device)
       select $1, id, 1, $2, now(), now(), now() + interval '1 day', now() + interval '9 days', 'bench' from users limit 1`,
      [token.split('.')[0], digestOf(token)],
    );
  }
  return tokens;
});
http.post(
  '/v1/sessions/refresh',
  { schema: { body: { type: 'object', required: ['refreshToken'], properties: { refreshToken: text } }, response: { 200: Answer } } },
  async (request, reply) => {
    const { refreshToken } = request.body as { refreshToken: string };
    const [id] = refreshToken.split('.') as [string];
    const next = newToken(id);
    const now = new Date();
    const { rows } = await pool.query(
      `update sessions set generation = generation + 1, digest = $3, previous_digest = digest, refreshed_at = $4, idle_expires_at = least($5, sessions.expires_at)
       from users where sessions.id = $1 and digest = $2 and ended_at is null and idle_expires_at > $4 and expires_at > $4
         and users.id = sessions.user_id and users.status = 'active'
       returning users.id, email, login, phone, full_name, status, roles, users.created_at`,
      [id, digestOf(refreshToken), digestOf(next), now, new Date(now.getTime() + 86_400_000)],
    );
    const [user] = rows;
    if (user === undefined) return reply.code(401 as 200).send();
    const accessToken = await new SignJWT({ sid: id, roles: user.roles, ver: 1 })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'bench' })
      .setIssuer('stoa')
      .setAudience('stoa')
      .setSubject(user.id)
      .setIssuedAt()
      .setExpirationTime('5m')
      .setJti(uuidv7())
      .sign(privateKey);
    return {
      accessToken,
      refreshToken: next,
      tokenType: 'Bearer',
      expiresIn: 300,
      user: { ...user, createdAt: user.created_at.toISOString() },
    };
  },
);
console.log(await http.listen({ port: 0, host: '127.0.0.1' }));
