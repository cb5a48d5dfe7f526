import type { Logger, Metrics } from '@stoa/service';
import { createExternalService, ExternalServiceError } from '@stoa/tasks';
import { SendError, type Transport } from './transport.ts';

/** Longer than any time-out inside: ends sends that trickle. */
const LONGEST_SEND_MS = 90_000;
/** Shorter than the pause after a mail that is not taken, so that the first one after it is tried. */
const OPEN_MS = 5_000;

export interface GuardOptions {
  readonly connections: number;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The mail server as an external service: with a time-out, a circuit breaker, and no more mails at once than there are connections. */
export function guardTransport(transport: Transport, { connections, log, metrics }: GuardOptions): Transport {
  const { name } = transport;
  const server = createExternalService({
    ...{ name, service: 'mailer', log, metrics, concurrency: connections, timeoutMs: LONGEST_SEND_MS, openMs: OPEN_MS },
    isAnswer: (error) => error instanceof SendError && (error.failure === 'permanent' || error.failure === 'transient'),
  });
  return {
    ...transport,
    async send(mail, signal) {
      try {
        return await server.call((inner) => transport.send(mail, inner), signal);
      } catch (error) {
        // Not sent, or sent and given up, by our own doing.
        if (error instanceof ExternalServiceError)
          throw new SendError(error.outcome === 'unknown' ? 'unknown' : 'unavailable', error.message);
        throw error;
      }
    },
    health() {
      const circuit = server.health();
      return circuit.ok ? transport.health() : circuit;
    },
  };
}
