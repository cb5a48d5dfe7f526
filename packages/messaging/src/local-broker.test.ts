import { expect, test } from 'vitest';
import { createLocalBroker } from './local-broker.ts';
import { silent } from './testing/copies.ts';
import type { Message } from './types.ts';

const message = (id: string): Message => ({
  id,
  type: 'happened',
  version: 1,
  source: 'test',
  key: id,
  occurredAt: new Date().toISOString(),
  correlationId: id,
  traceparent: '',
  data: {},
});

test('a system without one of the subscribers: the others have the message, the sender is informed of the absent one, and observers receive all', async () => {
  const broker = createLocalBroker({ log: silent });
  const [received, heard]: [unknown[], string[]] = [[], []];
  await broker.subscribe('receiver', ['happened'], async (messages) => void received.push(...messages));
  await broker.observe(['happened'], { onMessage: ({ id }) => void heard.push(id), onMissed: () => {} });
  const [toBoth, toOne, toNone] = [message('both'), message('one'), message('none')] as const;
  const rejections = await broker.publish([
    { message: toBoth, subscribers: ['receiver', 'absent'] },
    { message: toOne, subscribers: ['receiver'] },
    { message: toNone, subscribers: ['absent'] },
  ]);
  expect(rejections).toEqual([
    { id: 'both', subscriber: 'absent', reason: 'unroutable', detail: 'absent does not listen to happened' },
    { id: 'none', subscriber: 'absent', reason: 'unroutable', detail: 'absent does not listen to happened' },
  ]);
  expect(received).toEqual([toBoth, toOne]);
  expect(heard).toEqual(['both', 'one', 'none']);
  await broker.publish([{ message: toBoth, subscribers: ['absent'], isRepeat: true }]);
  expect(heard).toHaveLength(3);
  await broker.close();
});
