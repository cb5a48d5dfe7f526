import { type Command, Redis, type RedisOptions } from 'ioredis';

/** Who waits longer for an answer does better without Redis. */
const ANSWER_WITHIN_MS = 500;

/**
 * A client whose commands have an end. A connection that does not answer in time is given up: once, however many commands find it.
 */
export class BoundedRedis extends Redis {
  #isGivenUp = false;

  constructor(url: string, options: Omit<RedisOptions, 'replyMapping'>) {
    super(url, options);
    this.on('connect', () => {
      this.#isGivenUp = false;
    });
  }

  // Not ioredis' own `commandTimeout`: it takes an answer that nobody has read yet, as this process was busy, for one that is missing.
  override sendCommand(command: Command, stream?: Parameters<Redis['sendCommand']>[1]): unknown {
    const late = () => {
      const error = new Error(`no answer within ${ANSWER_WITHIN_MS} ms`);
      command.reject(error);
      if (this.#isFirstToGiveUp(error)) this.disconnect(true);
    };
    let isLate: NodeJS.Immediate | undefined;
    // What has arrived is read between the two.
    const timer = setTimeout(() => (isLate = setImmediate(late)), ANSWER_WITHIN_MS);
    const answered = () => {
      clearTimeout(timer);
      clearImmediate(isLate);
    };
    command.promise.then(answered, answered);
    return super.sendCommand(command, stream);
  }

  #isFirstToGiveUp(reason: Error): boolean {
    if (this.#isGivenUp) return false;
    this.#isGivenUp = true;
    this.emit('error', reason);
    return true;
  }
}
