import { type Command, Redis, type RedisOptions } from 'ioredis';

/** A caller that would wait longer for an answer does better without Redis. */
const ANSWER_WITHIN_MS = 500;
/** The errors of a server that is no primary, or that has no data yet. Before Redis 7 a script's refusal stands within another error. */
const NO_PRIMARY = /^(READONLY|MASTERDOWN|LOADING) | -READONLY /;

/**
 * A client whose commands have an end. A connection that does not answer in time, or whose server has become a replica, is given up, so
 * that the next one reaches the current server: once, however many commands notice it.
 */
export class BoundedRedis extends Redis {
  #isGivenUp = false;

  constructor(url: string, options: Omit<RedisOptions, 'replyMapping' | 'reconnectOnError'>) {
    // Rejected, not sent again.
    super(url, { ...options, reconnectOnError: (error) => NO_PRIMARY.test(error.message) && this.#isFirstToGiveUp(error) });
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
