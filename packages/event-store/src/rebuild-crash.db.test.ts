import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'kysely';
import { afterEach, expect, test } from 'vitest';
import { account } from './testing/account.ts';
import { type Accounts, openAccounts } from './testing/open-accounts.ts';

const script = fileURLToPath(new URL('./testing/rebuilding-process.ts', import.meta.url));

/** A test that fails leaves none of them running. */
const running = new Set<ChildProcess>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
});

function startRebuilding({ url }: Accounts, eventsAtATime?: number, nodeOptions: readonly string[] = []): ChildProcess {
  const child = spawn(process.execPath, [...nodeOptions, script, url, `${eventsAtATime ?? ''}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  return child;
}

/** Kills it once it has reported so many batches. @returns how many events it reported first and last; none when it had ended by itself. */
async function killAfter(child: ChildProcess, batches: number): Promise<{ first: number; last: number } | undefined> {
  const told: number[] = [];
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    told.push(Number(line));
    if (told.length === batches) child.kill('SIGKILL');
  }
  await exited;
  return child.signalCode === 'SIGKILL' ? { first: told[0] as number, last: told.at(-1) as number } : undefined;
}

test('killed in the middle, again and again: each run goes on where the one before was, and each event is projected once', async () => {
  await using accounts = await openAccounts();
  const count = await accounts.seed(200, 9);
  for (let kills = 0, before = 0; kills < 3; kills += 1) {
    const told = await killAfter(startRebuilding(accounts, 50), 2 + kills);
    expect(told?.first).toBeGreaterThan(before);
    before = told?.last ?? count;
    const { rows } = await sql<{ events: number }>`select events from projection_rebuilds`.execute(accounts.database.query);
    // what it committed, but did not report before it died
    expect(rows[0]?.events).toBeGreaterThanOrEqual(before);
    before = rows[0]?.events ?? count;
    expect(await accounts.projected()).toEqual([]);
  }
  await accounts.send('meanwhile', { type: 'open', currency: 'EUR', owner: 'Ada' });
  let first: number | undefined;
  await accounts.store.rebuild(accounts.database, 'balances', { onProgress: ({ events }) => (first ??= events) });
  expect(first).toBeGreaterThan(3 * 50);
  const rows = await accounts.projected();
  expect(rows).toHaveLength(201);
  const expected = { balance: (2 + 10) * 4.5, events: 10, version: 10 };
  for (const row of rows.filter(({ account: name }) => name !== 'meanwhile')) expect(row).toMatchObject(expected);
});

test('50 MB of events are rebuilt by a process with a heap of 40 MB, and read as one stream', async () => {
  await using accounts = await openAccounts();
  const count = await accounts.seed(1, 12_499, 'x'.repeat(4_000));
  const child = startRebuilding(accounts, undefined, ['--max-old-space-size=40']);
  expect(await killAfter(child, Number.POSITIVE_INFINITY)).toBeUndefined();
  expect(child.exitCode).toBe(0);
  expect(await accounts.projected()).toMatchObject([{ account: 'seeded-1', events: count, version: count }]);
  const { state, version } = await accounts.database.transaction((tx) => accounts.store.on(tx, account).load('seeded-1'));
  expect({ state, version }).toEqual({ state: { status: 'open', balance: ((2 + count) * (count - 1)) / 2 }, version: count });
});
