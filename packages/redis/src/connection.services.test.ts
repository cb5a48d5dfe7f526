import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { createLog } from '@stoa/service';
import { eventually } from '@stoa/service/testing';
import { afterAll, expect, test } from 'vitest';
import { connectRedis, type RedisConnection } from './index.ts';
import { failOver, startRedisServer } from './testing/index.ts';

const ends: (() => PromiseLike<void>)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

async function serverOf(...options: Parameters<typeof startRedisServer>) {
  const server = await startRedisServer(...options);
  ends.push(() => server[Symbol.asyncDispose]());
  return server;
}

function connectTo(url: string) {
  const lines: string[] = [];
  const redis = connectRedis({ url, log: createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } }) });
  ends.push(() => redis.close());
  const said = () => lines.map((line) => JSON.parse(line).msg);
  return { redis, lines, said };
}

const echo = async ({ client }: RedisConnection): Promise<void> => {
  expect(await client.echo('here')).toBe('here');
};
const isThere = async ({ health }: RedisConnection) => await eventually(() => expect(health().ok).toBe(true));
const isAway = async ({ health }: RedisConnection) => await eventually(() => expect(health().ok).toBe(false));

test('a Redis that goes and comes back is noticed without help: logged once when it is lost, once when it is back', async () => {
  const server = await serverOf();
  const { redis, said } = connectTo(server.url);
  expect(await redis.ready()).toBe(true);
  await echo(redis);
  for (const end of [server.stop, server.kill]) {
    await end();
    await isAway(redis);
    expect(redis.health()).toMatchObject({ name: 'redis', background: true, ok: false, detail: expect.any(String) });
    await expect(redis.client.echo('anybody')).rejects.toThrow();
    await server.start();
    await isThere(redis);
    await echo(redis);
  }
  expect(said()).toEqual(['Redis is away', 'Redis is back', 'Redis is away', 'Redis is back']);
});

test('one that is not there at the start is found later', async () => {
  const server = await serverOf();
  await server.stop();
  const { redis, said } = connectTo(server.url);
  expect(await redis.ready()).toBe(false);
  await expect(redis.client.echo('anybody')).rejects.toThrow();
  await server.start();
  await isThere(redis);
  await echo(redis);
  expect(said()).toEqual(['Redis is away', 'Redis is back']);
});

test('what is under way when it is killed is rejected, and not sent to the next one', async () => {
  const server = await serverOf();
  const { redis } = connectTo(server.url);
  await redis.ready();
  server.freeze();
  const under = redis.client.incr('counted');
  const rejected = expect(under).rejects.toThrow();
  await server.kill();
  await rejected;
  await server.start();
  await isThere(redis);
  expect(await redis.client.get('counted')).toBeNull();
});

test('one that hangs costs the first command half a second, and those behind it nothing; it is used again when it answers', async () => {
  const server = await serverOf();
  const { redis, said } = connectTo(server.url);
  await redis.ready();
  server.freeze();
  await expect(redis.client.echo('anybody')).rejects.toThrow('no answer within 500 ms');
  const begin = performance.now();
  for (let n = 0; n < 100; n += 1) await expect(redis.client.echo('anybody')).rejects.toThrow();
  expect(performance.now() - begin, 'a hundred commands one after the other').toBeLessThan(10_000);
  await isAway(redis);
  server.thaw();
  await isThere(redis);
  await echo(redis);
  expect(said()).toEqual(['Redis is away', 'Redis is back']);
});

test('however many find that it hangs, the connection is given up once', async () => {
  const server = await serverOf();
  const { redis, said } = connectTo(server.url);
  await redis.ready();
  let told = 0;
  redis.client.on('error', () => void (told += 1));
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on('warning', warned);
  ends.push(async () => void process.off('warning', warned));
  server.freeze();
  const commands = await Promise.allSettled(Array.from({ length: 200 }, () => redis.client.echo('anybody')));
  expect(new Set(commands.map(({ status }) => status))).toEqual(new Set(['rejected']));
  expect(told).toBe(1);
  await isAway(redis);
  server.thaw();
  await isThere(redis);
  await echo(redis);
  expect(warnings).toEqual([]);
  expect(said()).toEqual(['Redis is away', 'Redis is back']);
});

test('a primary that has become a replica counts as away, even when idle; logged once, and used again when it is a primary again', async () => {
  const [server, successor] = [await serverOf(), await serverOf()];
  const { redis, said } = connectTo(server.url);
  expect(await redis.ready()).toBe(true);
  const attempts: number[] = [];
  redis.client.on('connect', () => void attempts.push(performance.now()));
  await failOver(server, successor);
  await isAway(redis);
  await eventually(async () => {
    await expect(redis.client.set('written', 'yes')).rejects.toThrow();
    expect(attempts.length).toBeGreaterThan(8);
  });
  const [before = 0, last = 0] = attempts.slice(-2);
  expect(last - before, 'it is asked ever less often').toBeGreaterThan(200);
  expect(redis.health()).toMatchObject({ ok: false, detail: expect.stringContaining('READONLY') });
  await server.lead();
  await isThere(redis);
  expect(await redis.client.set('written', 'yes')).toBe('OK');
  expect(said()).toEqual(['Redis is away', 'Redis is back']);
});

test('the first command that a replica refuses gives the connection up, and none is sent again', async () => {
  const server = await serverOf();
  const { redis } = connectTo(server.url);
  await redis.ready();
  await server.command('replicaof', '127.0.0.1', '1');
  const under = Array.from({ length: 20 }, () => redis.client.incr('counted'));
  for (const { status } of await Promise.allSettled(under)) expect(status).toBe('rejected');
  await isAway(redis);
  await server.lead();
  await isThere(redis);
  expect(await redis.client.get('counted')).toBeNull();
});

test('one that takes no writes is reported as away, whatever it still answers', async () => {
  const server = await serverOf();
  const { redis, said } = connectTo(server.url);
  await redis.ready();
  await server.command('config', 'set', 'maxmemory', '1');
  await isAway(redis);
  expect(redis.health()).toMatchObject({ ok: false, detail: expect.stringContaining('OOM') });
  await server.command('config', 'set', 'maxmemory', '0');
  await isThere(redis);
  expect(said()).toEqual(['Redis is away', 'Redis is back']);
});

test('an answer that came in time counts, even if this process was too busy to read it', async () => {
  const server = await serverOf();
  const { redis } = connectTo(server.url);
  await redis.ready();
  const answer = redis.client.echo('here');
  await new Promise<void>((resolve) => setImmediate(resolve));
  for (const until = performance.now() + 1_000; performance.now() < until; );
  expect(await answer).toBe('here');
});

test('a password, also one of special characters, opens it and is in no log line, right or wrong', async () => {
  const password = `p@ss:w/o#rd%${randomBytes(6).toString('hex')}`;
  const server = await serverOf(() => ['--requirepass', password]);
  const urlWith = (secret: string) => server.url.replace('//', `//:${encodeURIComponent(secret)}@`);
  const right = connectTo(urlWith(password));
  expect(await right.redis.ready()).toBe(true);
  await echo(right.redis);
  const wrong = connectTo(urlWith(`not ${password}`));
  expect(await wrong.redis.ready()).toBe(false);
  await server.stop();
  await isAway(right.redis);
  expect(right.lines.length + wrong.lines.length).toBeGreaterThan(1);
  for (const form of [password, encodeURIComponent(password)]) expect([...right.lines, ...wrong.lines].join('')).not.toContain(form);
  expect(JSON.stringify([right.redis.health(), wrong.redis.health()])).not.toContain(password);
});

test('rediss:// is TLS, with a certificate that is verified', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-redis-tls-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const keys = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
  const names = ['-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1'];
  await promisify(execFile)('openssl', ['req', '-x509', '-days', '2', ...keys, ...names, '-out', certificate]);
  const tls = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'];
  const server = await serverOf((port) => ['--port', '0', '--tls-port', `${port}`, ...tls]);
  const url = `rediss://127.0.0.1:${server.port}`;
  expect(await connectTo(url).redis.ready(), 'by nobody we trust').toBe(false);
  const trusted = getCACertificates();
  setDefaultCACertificates([...trusted, await readFile(certificate, 'utf8')]);
  ends.push(async () => setDefaultCACertificates(trusted));
  const { redis } = connectTo(url);
  expect(await redis.ready()).toBe(true);
  await echo(redis);
});

test('a close lets what is under way end, is no loss, and ends for good', async () => {
  const server = await serverOf();
  const { redis, said } = connectTo(server.url);
  await redis.ready();
  const answers = Array.from({ length: 20 }, () => redis.client.incr('counted'));
  await redis.close();
  expect((await Promise.all(answers)).at(-1)).toBe(20);
  await expect(redis.client.echo('anybody')).rejects.toThrow();
  expect(said()).toEqual([]);
  const never = connectTo('redis://127.0.0.1:1');
  await never.redis.ready();
  await never.redis.close();
});
