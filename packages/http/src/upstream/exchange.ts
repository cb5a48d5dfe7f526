import type { AppError } from '@stoa/service';
import type { Dispatcher } from 'undici';
import { httpErrors } from '../http-errors.ts';
import { type Address, type Addresses, leaveOut } from './addresses.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import { isBroken, isRepeatHarmless } from './repeats.ts';

export type AnswerHeaders = Record<string, string | string[] | undefined>;

/** One request to a service in another process. */
export interface UpstreamRequest {
  readonly method: Dispatcher.HttpMethod;
  /** With its query. */
  readonly path: string;
  /** Names in lower case and values in turn, without `host`. */
  readonly headers: string[];
  /** What is iterated is sent as it comes; the rest can be sent again. */
  readonly body?: string | Buffer | AsyncIterable<Buffer> | undefined;
  /** Whether it carries an `Idempotency-Key` that its route honours. */
  readonly hasKey?: boolean;
  /** How long the head of the answer may take, over all repeats. To about half a second. */
  readonly headMs?: number | undefined;
}

/** The receiver of the answer: `head`, `data` any number of times, then `end`; or `fail`, at any time, and nothing after it. */
export interface Receiver {
  head(status: number, headers: AnswerHeaders): void;
  /** @returns false when no more is to come until `Sending.resume`. */
  data(chunk: Buffer): boolean;
  end(): void;
  /** Before the head: the caller gets the error. After it: the answer is cut. */
  fail(error: AppError): void;
}

/** A request on its way. */
export interface Sending {
  resume(): void;
  /** Nobody waits any more: the request is ended, and the receiver is not called any more. */
  abort(): void;
  /** As `abort`, because it took too long: the service is to blame. */
  expire(): void;
}

export type Outcome = 'answered' | 'unreachable' | 'broken' | 'slow' | 'refused' | 'invalid' | 'left';

/** What all requests to one service share. */
export interface Route {
  readonly service: string;
  readonly addresses: Addresses;
  readonly breaker: CircuitBreaker;
  count(outcome: Outcome): void;
  countRepeat(): void;
}

/** Of what was sent one is repeated: a request that ends its process would end three of them. */
const MAX_REPEATS = 2;
const HEAD_MS = 30_000;

/** One request with its repeats. An object with methods, and no closures: there is one per request. */
export class Exchange implements Dispatcher.DispatchHandler, Sending {
  readonly #route: Route;
  readonly #request: UpstreamRequest;
  readonly #receiver: Receiver;
  readonly #begunAt = performance.now();
  #address: Address | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #repeats = 0;
  #isSent = false;
  /** Whether it broke once after it was sent, and was repeated. */
  #hasBroken = false;
  /** Whether all of its body has left. */
  #isWhole = false;
  #hasHead = false;
  #isOver = false;

  constructor(route: Route, request: UpstreamRequest, receiver: Receiver) {
    this.#route = route;
    this.#request = request;
    this.#receiver = receiver;
  }

  begin(): void {
    const waits = this.#route.addresses.firstLookup;
    if (!this.#route.breaker.admits()) this.#fail('refused', 'is away');
    else if (waits === undefined) this.#try();
    else void waits.then(() => this.#try());
  }

  #try(): void {
    if (this.#isOver) return;
    const address = this.#route.addresses.choose(this.#address);
    if (address === undefined) this.#failService('unreachable', 'has no address', this.#route.addresses.trouble);
    else this.#dispatchTo(address);
  }

  #dispatchTo(address: Address): void {
    const { method, path, headers, body = null } = this.#request;
    this.#address = address;
    this.#isSent = false;
    this.#isWhole = false;
    address.inHand += 1;
    address.pool.dispatch({ method, path, headers, body: body as Buffer | null, headersTimeout: Math.max(1, this.#timeLeft()) }, this);
  }

  #timeLeft(): number {
    const { headMs = HEAD_MS } = this.#request;
    return this.#repeats === 0 ? headMs : headMs - (performance.now() - this.#begunAt);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#isSent = true;
    if (this.#isOver) controller.abort(new Error('nobody waits for it'));
  }

  onRequestSent(): void {
    this.#isWhole = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    // What comes before the answer (RFC 9110 §15.2) is for this hop.
    if (status < 200 || this.#isOver) return;
    this.#hasHead = true;
    this.#route.breaker.succeeded();
    // One that has lost its database, say, refuses at once: with the fewest in progress it would otherwise attract all requests.
    if (status === 503 && this.#address !== undefined) leaveOut(this.#address);
    this.#receiver.head(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isOver && !this.#receiver.data(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#release();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#route.count('answered');
    this.#receiver.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error & { code?: string }): void {
    const address = this.#release();
    if (this.#isOver) return;
    if (this.#hasHead) this.#fail('broken', 'broke off its answer', error);
    else if (error.code === 'UND_ERR_INVALID_ARG') this.#failCaller(error);
    else this.#failTry(address, error);
  }

  #failTry(address: Address | undefined, error: Error & { code?: string }): void {
    // A service may hang up on a body that it refuses (RFC 9112 §9.6), and a client chooses what it sends: no failure of the service.
    if (this.#isSent && !this.#isWhole && isBroken(error.code)) {
      this.#fail('broken', 'did not take the whole request', error);
      return;
    }
    // An address that was taken off the list while the request was on its way to it did nothing wrong.
    const isGone = error.code === 'UND_ERR_CLOSED' || error.code === 'UND_ERR_DESTROYED';
    if (address !== undefined && !isGone) leaveOut(address);
    if (this.#mayRepeat(error.code)) {
      this.#repeats += 1;
      if (this.#isSent) this.#hasBroken = true;
      this.#route.countRepeat();
      this.#try();
    } else if (!this.#isSent) this.#failService('unreachable', 'cannot be reached', error);
    else if (error.code === 'UND_ERR_HEADERS_TIMEOUT') this.#failService('slow', 'did not answer in time', error);
    else this.#failService('broken', 'did not answer', error);
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(): void {
    if (this.#leave()) this.#route.count('left');
  }

  expire(): void {
    if (!this.#leave()) return;
    this.#route.count('slow');
    if (!this.#hasHead) this.#route.breaker.failed();
  }

  #leave(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#controller?.abort(new Error('nobody waits for it'));
    return true;
  }

  #mayRepeat(code: string | undefined): boolean {
    const { method, hasKey = false, body } = this.#request;
    const isReplayable = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    const isSent = this.#isSent;
    if (this.#repeats === MAX_REPEATS || (isSent && this.#hasBroken)) return false;
    return this.#timeLeft() > 0 && isRepeatHarmless({ method, hasKey, isReplayable, isSent }, code);
  }

  #release(): Address | undefined {
    const address = this.#address;
    if (address !== undefined) address.inHand -= 1;
    return address;
  }

  #failService(outcome: Outcome, what: string, cause?: unknown): void {
    this.#route.breaker.failed();
    this.#fail(outcome, what, cause);
  }

  #fail(outcome: Outcome, what: string, cause?: unknown): void {
    this.#end(outcome, httpErrors.service_unavailable({ message: `The service ${this.#route.service} ${what}.`, cause }));
  }

  /** What came from a client, and cannot stand in a request. */
  #failCaller(cause: Error): void {
    this.#end('invalid', httpErrors.malformed_request({ cause }));
  }

  #end(outcome: Outcome, error: AppError): void {
    this.#isOver = true;
    this.#route.count(outcome);
    this.#receiver.fail(error);
  }
}
