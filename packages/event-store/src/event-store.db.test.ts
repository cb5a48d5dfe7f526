import { runInContext } from '@stoa/service';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VersionConflict } from './errors.ts';
import { type AccountEvent, account, balances } from './testing/account.ts';
import { type Accounts, NOW, openAccounts, openStore, sendCommand } from './testing/open-accounts.ts';

let accounts: Accounts;
beforeAll(async () => {
  accounts = await openAccounts();
});
afterAll(() => accounts[Symbol.asyncDispose]());

const deposited = (amount: number): AccountEvent => ({ type: 'money-deposited', data: { amount, reference: '' } });
const opened: AccountEvent = { type: 'account-opened', data: { currency: 'EUR' }, personal: { owner: 'Ada' } };

/** An event as an earlier version of the code has stored it. */
async function store(stream: string, version: number, type: string, eventVersion: number, data: object): Promise<void> {
  await sql`
    insert into events (stream, version, type, event_version, data, metadata, recorded_at)
    values (${stream}, ${version}, ${type}, ${eventVersion}, ${JSON.stringify(data)}::json, '{}', now())`.execute(accounts.database.query);
}

describe('events that were appended', () => {
  test('are read in their order, with who did it and in which request', async () => {
    const context = { correlationId: 'a-request', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    await runInContext(context, () =>
      accounts.send('read', { type: 'open', currency: 'EUR', owner: 'Ada' }, { metadata: { actor: 'user:1' } }),
    );
    await accounts.send('read', { type: 'deposit', amount: 5 });
    const events = await accounts.read('read');
    expect(events).toMatchObject([
      {
        stream: 'read',
        version: 1,
        type: 'account-opened',
        data: { currency: 'EUR' },
        recordedAt: NOW,
        metadata: { actor: 'user:1', ...context },
      },
      { stream: 'read', version: 2, type: 'money-deposited', data: { amount: 5, reference: '' }, recordedAt: NOW, sealed: null },
    ]);
    expect(events[0]).not.toHaveProperty('personal');
    expect(events[1]?.position).toBeGreaterThan(events[0]?.position as number);
  });

  test('are what the append itself returned, and the state is what follows from them', async () => {
    const first = await accounts.send('returned', { type: 'open', currency: 'EUR', owner: 'Ada' });
    const second = await accounts.send('returned', { type: 'deposit', amount: 7 });
    expect([...first.events, ...second.events]).toEqual(await accounts.read('returned'));
    expect(second).toMatchObject({ version: 2, state: { status: 'open', balance: 7 } });
    const loaded = await accounts.database.transaction((tx) => accounts.store.on(tx, account).load('returned'));
    expect(loaded).toEqual({ state: second.state, version: 2 });
  });

  test('are given to projections and to the state as a later reader gets them: what JSON does not hold is not there', async () => {
    const projected: unknown[] = [];
    const events = openStore({ projection: { ...balances, project: async (_tx, added) => void projected.push(...added) } });
    const deposit = { amount: 3, reference: new Date(0) as unknown as string, note: undefined };
    const { appended, state } = await accounts.database.transaction(async (tx) => {
      const streams = events.on(tx, { initialState: () => [] as unknown[], evolve: (seen, { data }) => [...seen, data] });
      const handled = await streams.handle('json', () => [opened, { type: 'money-deposited', data: deposit } as AccountEvent]);
      return { appended: handled.events, state: handled.state };
    });
    expect(appended).toEqual(await accounts.read('json'));
    expect(projected).toEqual(appended);
    expect(state).toEqual([{ currency: 'EUR' }, { amount: 3, reference: '1970-01-01T00:00:00.000Z' }]);
  });

  test('commit with their projection, or not at all', async () => {
    const { database, store: events } = accounts;
    const failing = database.transaction(async (tx) => {
      await events.on(tx, account).append('rolled-back', 0, [opened]);
      throw new Error('later');
    });
    await expect(failing).rejects.toThrow('later');
    const refusing = openStore({ projection: { ...balances, project: () => Promise.reject(new Error('no projection')) } });
    const unprojected = sendCommand(database, refusing, 'rolled-back', { type: 'open', currency: 'EUR', owner: 'Ada' });
    await expect(unprojected).rejects.toThrow('no projection');
    expect(await accounts.read('rolled-back')).toEqual([]);
    expect(await accounts.projected()).not.toContainEqual(expect.objectContaining({ account: 'rolled-back' }));
  });

  test('may hold any text, and no more than a mebibyte', async () => {
    const reference = `${'\0'}\u{1F980}\ud800 "\\`;
    await accounts.send('text', { type: 'open', currency: reference, owner: reference });
    const [event] = await accounts.read('text');
    expect(event?.data).toEqual({ currency: reference });
    expect(await accounts.store.open(accounts.database.query, [event as NonNullable<typeof event>])).toEqual([{ owner: reference }]);
    const tooLong = accounts.send('text', { type: 'deposit', amount: 1, reference: 'x'.repeat(1024 * 1024) });
    await expect(tooLong).rejects.toThrow(RangeError);
    expect(await accounts.read('text')).toHaveLength(1);
  });

  test('are read a page at a time, by number and by size', async () => {
    const small = openStore({ limit: { events: 4, bytes: 700 } });
    await accounts.send('pages', { type: 'open', currency: 'EUR', owner: 'Ada' });
    for (let n = 0; n < 5; n += 1)
      await accounts.send('pages', { type: 'deposit', amount: 1, reference: 'x'.repeat(n === 3 ? 2_000 : 10) });
    const versions = async (options: { after?: number; limit?: number }) =>
      (await small.read(accounts.database.query, 'pages', options)).map(({ version }) => version);
    expect(await versions({})).toEqual([1, 2, 3, 4]);
    expect(await versions({ after: 1, limit: 2 })).toEqual([2, 3]);
    expect(await versions({ after: 4 })).toEqual([5]);
    expect(await versions({ after: 5 })).toEqual([6]);
    expect(await versions({ after: 6 })).toEqual([]);
    const loaded = await accounts.database.transaction((tx) => small.on(tx, account).load('pages'));
    expect(loaded).toEqual({ state: { status: 'open', balance: 5 }, version: 6 });
  });
});

describe('an expected version', () => {
  test.for([0, 1, 3, 100])(
    'of %d, where the last one is 2, is a conflict: nothing is stored, and the transaction goes on',
    async (expected) => {
      const stream = `expected-${expected}`;
      await accounts.send(stream, { type: 'open', currency: 'EUR', owner: 'Ada' });
      await accounts.send(stream, { type: 'deposit', amount: 1 });
      const { version } = await accounts.database.transaction(async (tx) => {
        const streams = accounts.store.on(tx, account);
        await expect(streams.append(stream, expected, [deposited(2), deposited(3)])).rejects.toThrow(VersionConflict);
        await streams.append(stream, 2, [deposited(4)]);
        return await streams.load(stream);
      });
      expect(version).toBe(3);
      expect((await accounts.read(stream)).map(({ data }) => data)).toEqual([
        { currency: 'EUR' },
        { amount: 1, reference: '' },
        { amount: 4, reference: '' },
      ]);
    },
  );

  test('that a command brings is not decided anew', async () => {
    await accounts.send('if-match', { type: 'open', currency: 'EUR', owner: 'Ada' });
    await expect(accounts.send('if-match', { type: 'deposit', amount: 1 }, { expectedVersion: 2 })).rejects.toThrow(VersionConflict);
    expect(await accounts.send('if-match', { type: 'deposit', amount: 1 }, { expectedVersion: 1 })).toMatchObject({ version: 2 });
  });

  test('several appends of one transaction follow each other', async () => {
    await accounts.database.transaction(async (tx) => {
      const streams = accounts.store.on(tx, account);
      await streams.append('follow', 0, [opened]);
      await streams.append('follow', 1, [deposited(1)]);
      await streams.handle('follow', () => [deposited(2), deposited(3)]);
    });
    expect((await accounts.read('follow')).map(({ version }) => version)).toEqual([1, 2, 3, 4]);
  });
});

describe('a decision', () => {
  test('that changes nothing stores nothing', async () => {
    await accounts.send('nothing', { type: 'open', currency: 'EUR', owner: 'Ada' });
    const again = await accounts.send('nothing', { type: 'open', currency: 'EUR', owner: 'Ada' });
    expect(again).toEqual({ state: { status: 'open', balance: 0 }, version: 1, events: [] });
  });

  test('that is refused passes its error on', async () => {
    await expect(accounts.send('refused', { type: 'deposit', amount: 1 })).rejects.toMatchObject({ code: 'account_not_open' });
  });

  test('that others always overtake ends as busy after a few tries, with nothing stored', async () => {
    const { query } = accounts.database;
    await sql`create function forestall() returns trigger language plpgsql as 'begin return null; end'`.execute(query);
    await sql`
      create trigger forestalled before insert on events for each row when (new.stream = 'hot') execute function forestall()`.execute(
      query,
    );
    let decided = 0;
    const handled = accounts.database.transaction((tx) =>
      accounts.store.on(tx, account).handle('hot', () => {
        decided += 1;
        return opened;
      }),
    );
    await expect(handled).rejects.toMatchObject({ code: 'database_busy', retryAfterSeconds: 1, cause: { name: 'VersionConflict' } });
    expect(decided).toBe(10);
  });
});

describe('an event of an earlier version', () => {
  test('is brought up to date wherever it is read, step by step', async () => {
    await store('old', 1, 'account-opened', 1, { currency: 'EUR' });
    await store('old', 2, 'money-deposited', 1, { units: 3 });
    await store('old', 3, 'money-deposited', 2, { amount: 40 });
    await sql`insert into balances values ('old', 340, 3, 3, null)`.execute(accounts.database.query);
    const { state } = await accounts.send('old', { type: 'deposit', amount: 5, reference: 'new' });
    expect(state.balance).toBe(345);
    expect((await accounts.read('old')).slice(1).map(({ data }) => data)).toEqual([
      { amount: 300, reference: 'unknown' },
      { amount: 40, reference: 'unknown' },
      { amount: 5, reference: 'new' },
    ]);
    const { rows } = await sql`select event_version from events where stream = 'old' order by version`.execute(accounts.database.query);
    expect(rows.map((row) => (row as { event_version: number }).event_version)).toEqual([1, 1, 2, 3]);
  });

  test.for([
    ['money-deposited', 4],
    ['overdraft-granted', 1],
  ] as const)('and one that only a newer copy knows (%s %d) is refused for a while, not passed over', async ([type, version]) => {
    const stream = `newer-${type}`;
    await accounts.send(stream, { type: 'open', currency: 'EUR', owner: 'Ada' });
    await store(stream, 2, type, version, { amount: 1, reference: '', what: 'new' });
    const refusal = { code: 'event_too_new', kind: 'unavailable', retryAfterSeconds: 5 };
    await expect(accounts.send(stream, { type: 'deposit', amount: 1 })).rejects.toMatchObject(refusal);
    await expect(accounts.read(stream)).rejects.toMatchObject(refusal);
  });
});
