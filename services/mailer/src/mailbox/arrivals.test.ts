import { describe, expect, test } from 'vitest';
import { createArrivals } from './arrivals.ts';

/** Notifications as the database sends them, by hand. */
async function listening() {
  let tell: (payload: string) => void = () => {};
  const arrivals = createArrivals({
    async listen(_channel, handler) {
      tell = handler;
      return async () => {
        tell = () => {};
      };
    },
  });
  await arrivals.start();
  const heard = (to: string | undefined, signal = new AbortController().signal) => {
    const calls: number[] = [];
    arrivals.watch(to, signal, () => calls.push(1));
    return calls;
  };
  return { arrivals, heard, tell: (payload: string) => tell(payload) };
}

describe('a message is reported to', () => {
  test('watchers of its address, in any form, and watchers of all', async () => {
    const { heard, tell } = await listening();
    const [ada, bob, all] = [heard(' Ada@Example。com'), heard('bob@example.com'), heard(undefined)];
    tell('eve@example.com ada@example.com');
    expect([ada.length, bob.length, all.length]).toEqual([1, 0, 1]);
  });

  test('all watchers, when its recipients are unknown: some may have been missed', async () => {
    const { heard, tell } = await listening();
    const ada = heard('ada@example.com');
    tell('');
    expect(ada).toHaveLength(1);
  });

  test('no watcher that has left', async () => {
    const { heard, tell } = await listening();
    const leaving = new AbortController();
    const ada = heard('ada@example.com', leaving.signal);
    leaving.abort();
    tell('ada@example.com');
    expect(ada).toHaveLength(0);
  });

  test('next resolves at a message, or when its signal ends it', async () => {
    const { arrivals, tell } = await listening();
    const never = new AbortController();
    const message = arrivals.next('ada@example.com', never.signal);
    tell('ada@example.com');
    await message;
    const ended = arrivals.next('ada@example.com', never.signal);
    never.abort();
    await ended;
    await arrivals.next('ada@example.com', never.signal);
  });
});
