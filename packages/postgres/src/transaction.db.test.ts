import { createLog } from '@stoa/service';
import { sql, type Transaction } from 'kysely';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabase } from './create-database.ts';
import type { Database } from './database.ts';
import { type TestDatabase, testDatabase } from './testing/index.ts';

type Tx = Transaction<unknown>;
const MISUSE = { name: 'TransactionMisuse' };

let fixture: TestDatabase<unknown>;
/** Of one connection, so that whatever comes late meets its next user. */
let database: Database<unknown>;

beforeAll(async () => {
  fixture = await testDatabase();
  await sql`create table effects (what text primary key)`.execute(fixture.database.query);
});
beforeEach(() => {
  const log = createLog({ level: 'silent' });
  database = createDatabase({ url: fixture.url, name: 'one', log, metrics: new Registry(), maxConnections: 1 });
});
afterEach(async () => {
  await database.close();
  await sql`delete from effects`.execute(fixture.database.query);
});
afterAll(() => fixture[Symbol.asyncDispose]());

const effect = (tx: Tx, what: string) => sql`insert into effects values (${what})`.execute(tx);
const sleep = (tx: Tx, seconds: number) => sql`select pg_sleep(${seconds})`.execute(tx);
const effects = async () =>
  (await sql<{ what: string }>`select what from effects order by what`.execute(fixture.database.query)).rows.map(({ what }) => what);
const refusalOf = async (work: Promise<unknown>) =>
  await work.then(
    () => 'not refused',
    (error: unknown) => error,
  );

describe('a transaction that is rolled back while a branch of it goes on', () => {
  test('keeps nothing of what the branch does next, which is refused', async () => {
    let branch: Promise<unknown> | undefined;
    const late = Promise.withResolvers<never>();
    const rolledBack = database.transaction(async (tx) => {
      await effect(tx, 'before');
      branch = sleep(tx, 0.2).then(() => effect(tx, 'after'));
      branch.catch(() => {});
      queueMicrotask(() => late.reject(new Error('took too long')));
      await Promise.race([branch, late.promise]);
    });
    await expect(rolledBack).rejects.toThrow('took too long');
    expect(await refusalOf(branch as Promise<unknown>)).toMatchObject(MISUSE);
    expect(await effects()).toEqual([]);
  });

  test.each([
    ['of a statement that fails', (tx: Tx) => sql`select 1 / 0`.execute(tx)],
    ['of a violated constraint', (tx: Tx) => effect(tx, 'before')],
  ])('the siblings %s do nothing', async (_what, fail) => {
    const failing = database.transaction(async (tx) => {
      await effect(tx, 'before');
      await Promise.all([fail(tx), effect(tx, 'second'), effect(tx, 'third')]);
    });
    await expect(failing).rejects.toThrow();
    await database.transaction((tx) => effect(tx, 'the next'));
    expect(await effects()).toEqual(['the next']);
  });
});

describe('two statements at once', () => {
  test('the second is refused, and with it the commit, even if the refusal is ignored', async () => {
    const refused = database.transaction(async (tx) => {
      const [first, second] = await Promise.allSettled([effect(tx, 'first'), effect(tx, 'second')]);
      expect(first).toMatchObject({ status: 'fulfilled' });
      expect(second).toMatchObject({ status: 'rejected', reason: MISUSE });
    });
    await expect(refused).rejects.toMatchObject(MISUSE);
    expect(await effects()).toEqual([]);
  });

  test('a statement that nobody has awaited at the end keeps the transaction from committing', async () => {
    const forgetful = database.transaction(async (tx) => {
      await effect(tx, 'awaited');
      effect(tx, 'forgotten').catch(() => {});
    });
    await expect(forgetful).rejects.toMatchObject(MISUSE);
    expect(await effects()).toEqual([]);
  });

  test('one after the other is fine, from wherever they come', async () => {
    await database.transaction(async (tx) => {
      const what = ['a', 'b', 'c'];
      for (const each of what) await effect(tx, each);
      await what.reduce((before, each) => before.then(() => effect(tx, `${each}${each}`)), Promise.resolve<unknown>(undefined));
    });
    expect(await effects()).toEqual(['a', 'aa', 'b', 'bb', 'c', 'cc']);
  });
});

describe('a transaction that has ended', () => {
  test('refuses for ever: its statement runs neither alone nor in the transaction that has the connection now', async () => {
    let stale: Tx | undefined;
    await database.transaction(async (tx) => {
      stale = tx;
      await effect(tx, 'mine');
    });
    expect(await refusalOf(effect(stale as Tx, 'late'))).toBeInstanceOf(Error);
    await expect(
      database.transaction(async (tx) => {
        await effect(tx, 'a stranger');
        expect(await refusalOf(effect(stale as Tx, 'inside'))).toBeInstanceOf(Error);
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    expect(await effects()).toEqual(['mine']);
  });

  test('also where Kysely itself began it: between commit and the next begin nothing is sent', async () => {
    let late: Promise<unknown> | undefined;
    await database.query.transaction().execute(async (tx) => {
      await effect(tx, 'awaited');
      late = sql`select pg_sleep(0.05)`.execute(tx).then(() => effect(tx, 'late'));
      late.catch(() => {});
    });
    expect(await refusalOf(late as Promise<unknown>)).toBeInstanceOf(Error);
    await database.transaction((tx) => effect(tx, 'the next'));
    expect(await effects()).toEqual(['awaited', 'the next']);
  });

  test('a commit that fails is reported as it failed, and the connection stays usable', async () => {
    await sql`create table later (what text references effects deferrable initially deferred)`.execute(fixture.database.query);
    await expect(database.transaction((tx) => sql`insert into later values ('missing')`.execute(tx))).rejects.toMatchObject({
      code: '23503',
    });
    await database.transaction((tx) => effect(tx, 'the next'));
    expect(await effects()).toEqual(['the next']);
  });
});

describe('what is to happen after the commit', () => {
  test('happens once it holds, in the order it was asked for, and before the caller goes on', async () => {
    const seen: unknown[] = [];
    await database.transaction(async (tx) => {
      database.afterCommit(tx, () => seen.push('first'));
      await effect(tx, 'a');
      database.afterCommit(tx, () => seen.push('second'));
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual(['first', 'second']);
  });

  test('is awaited, and the same function is called once; one that fails keeps no other from being called', async () => {
    const seen: string[] = [];
    const failing = async () => {
      await Promise.resolve();
      seen.push('failing');
      throw new Error('no');
    };
    const last = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push('last');
    };
    await database.transaction(async (tx) => {
      for (const callback of [failing, last, failing, last]) database.afterCommit(tx, callback);
      await effect(tx, 'a');
    });
    expect(seen).toEqual(['failing', 'last']);
  });

  test.each([
    ['that throws', async (): Promise<void> => Promise.reject(new Error('no'))],
    [
      'whose swallowed failure makes the commit a rollback',
      async (tx: Tx): Promise<void> => void (await sql`select 1 / 0`.execute(tx).catch(() => {})),
    ],
    ['that may not commit', async (tx: Tx): Promise<void> => database.forbidCommit(tx, new Error('unfit'))],
  ])('does not happen in one %s', async (_what, end) => {
    const callback = vi.fn();
    const failing = database.transaction(async (tx) => {
      database.afterCommit(tx, callback);
      await effect(tx, 'a');
      await end(tx);
    });
    await expect(failing).rejects.toThrow();
    expect(callback).not.toHaveBeenCalled();
    expect(await effects()).toEqual([]);
  });

  test('that throws does not make a failure of what is committed', async () => {
    const next = vi.fn();
    await database.transaction(async (tx) => {
      database.afterCommit(tx, () => {
        throw new Error('callback');
      });
      database.afterCommit(tx, next);
      await effect(tx, 'a');
    });
    expect(next).toHaveBeenCalledOnce();
    expect(await effects()).toEqual(['a']);
  });

  test('is asked of the transaction that the closure was given alone', () => {
    expect(() => database.afterCommit(database.query as unknown as Tx, () => {})).toThrow(TypeError);
  });
});
