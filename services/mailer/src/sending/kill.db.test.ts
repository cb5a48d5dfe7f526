import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { eventually } from '@stoa/service/testing';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FAST_HEARTBEATS } from '../testing/fast-heartbeats.ts';
import { sendingFixture } from '../testing/sending-fixture.ts';
import { MOST_CRASHES } from './retry-policy.ts';

let system: Awaited<ReturnType<typeof sendingFixture>>;
beforeAll(async () => {
  system = await sendingFixture();
});
/** A test that fails leaves none of them running. */
const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  await system.stopAll();
});
afterAll(() => system[Symbol.asyncDispose]());

/** A sender in a process of its own. */
async function spawnSender() {
  const script = new URL('../testing/killed-sender.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, system.url, system.smtp.url], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const exited = once(child, 'exit');
  const [said] = await once(child.stdout, 'data');
  expect(String(said)).toBe('ready\n');
  return {
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** For as long as a silence is watched, and the start of a process. */
const TAKE_OVER = { timeoutMs: 20_000 };

const statuses = async (recipient: string) => (await system.attempts(recipient)).map(({ status }) => status);

describe('after a kill -9', () => {
  test('in the middle of a send, the next process takes over soon: the attempt is unknown, the copy recognisable', async () => {
    system.smtp.behave('hang');
    const child = await spawnSender();
    const mails = await system.queue(3);
    await eventually(() => expect(system.smtp.received).toHaveLength(3));
    await child.kill();
    system.smtp.behave('accept');
    // It would watch a silence for longer than this test lasts.
    await system.startSender({ heartbeats: { ...FAST_HEARTBEATS, deadAfterMs: 600_000 } });
    for (const { recipient } of mails) {
      await eventually(async () => expect(await statuses(recipient)).toEqual(['unknown', 'sent']), TAKE_OVER);
      expect(new Set(system.receivedBy(recipient).map(({ messageId }) => messageId)).size).toBe(1);
    }
  });

  test('before its code was there, a mail has no attempt, and is sent once', async () => {
    const child = await spawnSender();
    await child.kill();
    const { id } = await system.database.query.selectFrom('instances').select('id').executeTakeFirstOrThrow();
    const [mail] = await system.queueFor(id);
    const recipient = mail?.recipient ?? '';
    await system.startSender();
    await eventually(async () => expect(await statuses(recipient)).toEqual(['sent']), TAKE_OVER);
    expect(system.receivedBy(recipient)).toHaveLength(1);
  });

  test('a mail whose processes die again and again is not sent for ever', async () => {
    system.smtp.behave('hang');
    const [mail] = await system.queue(1);
    const recipient = mail?.recipient ?? '';
    const already = MOST_CRASHES - 2;
    await system.database.query.updateTable('mails').set({ unknowns: already }).where('recipient', '=', recipient).execute();
    for (let kills = 1; kills <= 2; kills++) {
      const child = await spawnSender();
      await eventually(() => expect(system.receivedBy(recipient)).toHaveLength(kills), TAKE_OVER);
      await child.kill();
    }
    system.smtp.behave('accept');
    await system.startSender();
    await eventually(async () => expect(await system.mail(recipient)).toMatchObject({ status: 'unknown', owner: null }), TAKE_OVER);
    expect(await statuses(recipient)).toEqual(['unknown', 'unknown']);
    expect(system.receivedBy(recipient)).toHaveLength(2);
  });

  test('of one of two, the other takes over what it had in hand', async () => {
    system.smtp.behave('hang');
    const dying = await spawnSender();
    const [mail] = await system.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(() => expect(system.receivedBy(recipient)).toHaveLength(1));
    const living = await spawnSender();
    await dying.kill();
    system.smtp.behave('accept');
    await eventually(async () => expect(await statuses(recipient)).toEqual(['unknown', 'sent']), TAKE_OVER);
    await living.kill();
  });

  test('what an instance had in hand that is silent for long goes to those that run', async () => {
    system.smtp.behave('accept');
    await system.startSender();
    const id = randomUUID();
    const [mail] = await system.queueFor(id);
    await system.database.query.insertInto('instances').values({ id }).execute();
    const startedAt = performance.now();
    await eventually(async () => expect(await statuses(mail?.recipient ?? '')).toEqual(['sent']), TAKE_OVER);
    expect(performance.now() - startedAt).toBeGreaterThan(FAST_HEARTBEATS.deadAfterMs - FAST_HEARTBEATS.everyMs);
    expect(await system.database.query.selectFrom('instances').select('id').where('id', '=', id).execute()).toEqual([]);
  });

  test('a process that starts beside a living one takes nothing from it', async () => {
    system.smtp.behave({ acceptAfterMs: 3_000 });
    const living = await spawnSender();
    const [mail] = await system.queue(1);
    const recipient = mail?.recipient ?? '';
    await eventually(() => expect(system.receivedBy(recipient)).toHaveLength(1));
    await system.startSender();
    await eventually(async () => expect(await statuses(recipient)).toEqual(['sent']));
    expect(system.receivedBy(recipient)).toHaveLength(1);
    await living.kill();
  });

  test('one that has lost its lock and beats again after an outage keeps what it has in hand', async () => {
    system.smtp.behave('accept');
    const id = randomUUID();
    const [mail] = await system.queueFor(id);
    const { query } = system.database;
    await query
      .insertInto('instances')
      .values({ id, seen_at: new Date(Date.now() - 3_600_000) })
      .execute();
    const isLed = async () =>
      (
        await sql`select from pg_locks where locktype = 'advisory' and ((classid::bigint << 32) | objid::bigint)
          = hashtextextended(${`stoa lead mailer instance ${id}`}, 0)`.execute(query)
      ).rows.length > 0;
    const starting = system.startSender();
    await eventually(async () => expect(await isLed()).toBe(true));
    const beat = () => query.updateTable('instances').set({ seen_at: new Date() }).where('id', '=', id).execute();
    await beat();
    await starting;
    // The starting one sees a heartbeat and gives the lock back. One alone might come before it begins to watch.
    await eventually(async () => {
      await beat();
      expect(await isLed()).toBe(false);
    }, TAKE_OVER);
    expect(await system.mail(mail?.recipient ?? '')).toMatchObject({ status: 'sending', owner: id });
    await query.deleteFrom('instances').where('id', '=', id).execute();
  });
});
