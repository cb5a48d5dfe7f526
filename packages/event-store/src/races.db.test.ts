import { expect, test } from 'vitest';
import { account } from './testing/account.ts';
import { openAccounts } from './testing/open-accounts.ts';

const many = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

test('50 at once on one stream: each is appended once, versions without gaps, and the projection has all', async () => {
  await using accounts = await openAccounts({ maxConnections: 50 });
  await accounts.send('busy', { type: 'open', currency: 'EUR', owner: 'Ada' });
  const handled = await Promise.all(many(50).map((n) => accounts.send('busy', { type: 'deposit', amount: n })));
  const events = await accounts.read('busy');
  expect(events.map(({ version }) => version)).toEqual(many(51));
  const amounts = events.slice(1).map(({ data }) => (data as { amount: number }).amount);
  expect(amounts.toSorted((a, b) => a - b)).toEqual(many(50));
  expect(handled.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual(many(51).slice(1));
  expect(await accounts.projected()).toMatchObject([{ account: 'busy', balance: 1275, events: 51, version: 51 }]);
});

test('50 that begin the same stream: one begins it, and the others get a conflict', async () => {
  await using accounts = await openAccounts({ maxConnections: 50 });
  const begin = (owner: string) =>
    accounts.database.transaction((tx) =>
      accounts.store.on(tx, account).append('new', 0, [{ type: 'account-opened', data: { currency: 'EUR' }, personal: { owner } }]),
    );
  const outcomes = await Promise.allSettled(many(50).map((n) => begin(`owner ${n}`)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.name] : []));
  expect(new Set(refusals)).toEqual(new Set(['VersionConflict']));
  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled') + 1;
  const events = await accounts.read('new');
  expect(events).toHaveLength(1);
  expect(await accounts.store.open(accounts.database.query, events)).toEqual([{ owner: `owner ${winner}` }]);
});

test('events of one append stay together, whatever else is appended', async () => {
  await using accounts = await openAccounts({ maxConnections: 30 });
  const deposit = (n: number, reference: string) => ({ type: 'money-deposited' as const, data: { amount: n, reference } });
  await Promise.all(
    many(30).map((n) =>
      accounts.database.transaction((tx) =>
        accounts.store.on(tx, account).handle('shared', () => [deposit(n, 'first'), deposit(n, 'second'), deposit(n, 'third')]),
      ),
    ),
  );
  const events = await accounts.read('shared');
  expect(events.map(({ version }) => version)).toEqual(many(90));
  for (let n = 0; n < 90; n += 3) {
    const together = events.slice(n, n + 3).map(({ data }) => data as { amount: number; reference: string });
    expect(together.map(({ reference }) => reference)).toEqual(['first', 'second', 'third']);
    expect(new Set(together.map(({ amount }) => amount)).size).toBe(1);
  }
});

test('two actors at once, 20 times: one wins, and the other decides on the new state', async () => {
  await using accounts = await openAccounts({ maxConnections: 40 });
  const outcomes = await Promise.all(
    many(20).map(async (n) => {
      const stream = `contested-${n}`;
      await accounts.send(stream, { type: 'open', currency: 'EUR', owner: 'Ada' });
      await accounts.send(stream, { type: 'deposit', amount: 100 });
      return await Promise.allSettled([
        accounts.send(stream, { type: 'close' }),
        accounts.send(stream, { type: 'withdraw', amount: 60 }),
        accounts.send(stream, { type: 'withdraw', amount: 60 }),
      ]);
    }),
  );
  for (const [close, ...withdrawals] of outcomes) {
    expect(close?.status).toBe('fulfilled');
    const refusals = withdrawals.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
    expect(refusals.length).toBeGreaterThanOrEqual(1);
    for (const code of refusals) expect(['account_not_open', 'balance_too_low']).toContain(code);
  }
  for (const row of await accounts.projected()) expect(row).toMatchObject({ balance: 0, closed_at: expect.any(Date) });
});

test('a transaction that is rolled back releases its version to those that waited for it', async () => {
  await using accounts = await openAccounts();
  await accounts.send('undone', { type: 'open', currency: 'EUR', owner: 'Ada' });
  const [{ promise: appended, resolve: tell }, { promise: gate, resolve: release }] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const undone = accounts.database.transaction(async (tx) => {
    await accounts.store.on(tx, account).handle('undone', (state) => account.decide(state, { type: 'deposit', amount: 1 }));
    tell();
    await gate;
    throw new Error('undone');
  });
  await appended;
  const waiting = accounts.send('undone', { type: 'deposit', amount: 2 });
  release();
  await expect(undone).rejects.toThrow('undone');
  expect(await waiting).toMatchObject({ version: 2, state: { balance: 2 } });
});
