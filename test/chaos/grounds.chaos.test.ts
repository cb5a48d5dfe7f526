import { setTimeout as lasting } from 'node:timers/promises';
import { eventually } from '@stoa/service/testing';
import { expect, test } from 'vitest';
import { emailOf } from './registering.ts';
import { underLoad, useSystem } from './scenario.ts';

const system = useSystem();
const AWAY_MS = 20_000;

test('RabbitMQ is stopped for 20 s', async () => {
  const { rabbit } = system();
  await underLoad('RabbitMQ stopped 20 s', system(), {}, async () => {
    await rabbit.stop();
    await lasting(AWAY_MS);
    await rabbit.start();
  });
});

test('RabbitMQ is killed and comes back', async () => {
  const { rabbit } = system();
  await underLoad('RabbitMQ kill -9', system(), {}, async () => {
    await rabbit.kill();
    await rabbit.start();
  });
});

test('Redis is stopped for 20 s', async () => {
  const { redis } = system();
  await underLoad('Redis stopped 20 s', system(), {}, async () => {
    await redis.stop();
    await lasting(AWAY_MS);
    await redis.start();
  });
});

test('Postgres is killed, and comes back', async () => {
  await underLoad('Postgres kill -9', system(), { answersMayBreak: true, refusalsMayBe: true }, () => system().postgres.kill());
});

test('the connection to RabbitMQ is cut between publish and confirm, again and again', async () => {
  const { rabbitNetwork } = system();
  await underLoad('cut before the confirm', system(), {}, async () => {
    rabbitNetwork.cutsDue = 20;
    await eventually(() => expect(rabbitNetwork.cutsDue).toBe(0), { timeoutMs: 240_000 });
  });
});

test('the connections to RabbitMQ are half-open: no data arrives any more, and neither side is notified', async () => {
  const { rabbitNetwork, ask } = system();
  await underLoad('half-open to RabbitMQ', system(), {}, async (load) => {
    rabbitNetwork.hang();
    const before = load.wishes.length;
    await load.passed(before + 50);
    // New registrations go through while the old connections still hang: the system has noticed by itself.
    const recipient = emailOf(`${load.batch}-${before + 49}`);
    await eventually(
      async () => expect(await ask('mailer', `select from mails where recipient = $1 and status = 'sent'`, [recipient])).toHaveLength(1),
      { timeoutMs: 240_000, intervalMs: 200 },
    );
    rabbitNetwork.heal();
  });
});

test('the network to RabbitMQ drops everything for 20 s', async () => {
  const { rabbitNetwork } = system();
  await underLoad('no network to RabbitMQ 20 s', system(), {}, async () => {
    rabbitNetwork.freeze();
    await lasting(AWAY_MS);
    rabbitNetwork.heal();
  });
});

test('a pod that loses the database is not ready, and comes back; the others go on', async () => {
  const { postgresNetwork, podsOf } = system();
  const [lonely, other] = podsOf('users', 'api');
  const status = (expected: number) =>
    eventually(async () => expect(await lonely?.readiness()).toBe(expected), { timeoutMs: 120_000, intervalMs: 200 });
  await underLoad('one pod without its database', system(), { answersMayBreak: true, refusalsMayBe: true }, async (load) => {
    postgresNetwork.refuse();
    await status(503);
    await load.moreAccepted(50);
    expect(await other?.readiness()).toBe(200);
    postgresNetwork.heal();
    await status(200);
    postgresNetwork.freeze();
    await status(503);
    await load.moreAccepted(50);
    expect(await other?.readiness()).toBe(200);
    postgresNetwork.heal();
    await status(200);
  });
});
