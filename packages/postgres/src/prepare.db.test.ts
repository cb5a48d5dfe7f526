import { expect, test } from 'vitest';
import { prepare } from './index.ts';
import { testDatabase } from './testing/index.ts';

test('a prepared query runs with the parameters that it is given, in their order, and with no others', async () => {
  await using fixture = await testDatabase<{ things: { id: number; name: string } }>({ sources: [] });
  const { query } = fixture.database;
  await query.schema.createTable('things').addColumn('id', 'integer').addColumn('name', 'text').execute();
  await query
    .insertInto('things')
    .values([
      { id: 1, name: 'one' },
      { id: 2, name: 'two' },
    ])
    .execute();
  const find = prepare(query, query.selectFrom('things').select(['id', 'name']).where('id', '>', 0).where('name', '=', ''));
  expect(await find(0, 'two')).toEqual([{ id: 2, name: 'two' }]);
  expect(await Promise.all([find(0, 'one'), find(1, 'one')])).toEqual([[{ id: 1, name: 'one' }], []]);
  await expect(find(0)).rejects.toThrow('2 parameters');
});
