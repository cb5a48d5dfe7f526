/**
 * A process for tests that kill it: `doomed-process.ts <where it hangs> <sender's url> <receiver's url>`. Runs both services on a local
 * broker, says `hanging` when it has come to that place, and goes no further. In `handler` it kills itself, over one message.
 */
import { createLocalBroker } from '../local-broker.ts';
import { silent, startReceiver, startSender } from './copies.ts';

/** The number of the message that no process outlives. */
const POISON = 13;

const [place, senderUrl = '', receiverUrl = ''] = process.argv.slice(2);

const hang = (): Promise<never> => {
  process.stdout.write('hanging\n');
  return new Promise(() => {});
};

const broker = createLocalBroker({ log: silent });

switch (place) {
  case 'before-commit':
    await startReceiver(receiverUrl, broker, () => hang, { handlerTimeoutMs: 60_000 });
    break;
  case 'before-mark':
    await startReceiver(receiverUrl, broker);
    await startSender(senderUrl, {
      ...broker,
      async publish(outgoing) {
        await broker.publish(outgoing);
        return hang();
      },
    });
    break;
  case 'handler':
    await startReceiver(receiverUrl, broker, ({ n }) => {
      if (n === POISON) process.kill(process.pid, 'SIGKILL');
    });
    break;
  case 'nowhere':
    await startReceiver(receiverUrl, broker);
    process.stdout.write('working\n');
    break;
  default:
    throw new Error(`no place ${place}`);
}
