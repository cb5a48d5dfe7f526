import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { currentContext } from './context.ts';
import { describeError } from './describe-error.ts';
import { redactSecrets } from './redact-secrets.ts';
import { traceIdOf } from './traceparent.ts';

export type Logger = PinoLogger;

export interface LogOptions {
  readonly level?: string;
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream;
}

let stampedAt = 0;
let stamp = '';

/** To write a date anew for each line would be a third of what the line costs. */
function timestamp(): string {
  const now = Date.now();
  if (now !== stampedAt) {
    stampedAt = now;
    stamp = `,"time":"${new Date(now).toISOString()}"`;
  }
  return stamp;
}

/** The one logger: JSON lines with level, time (ISO 8601), correlation and trace id, and secrets replaced by `[redacted]`. */
export function createLog({ level = 'info', destination }: LogOptions = {}): Logger {
  const options = {
    level,
    base: null,
    timestamp,
    serializers: { err: (error: unknown) => describeError(error) },
    formatters: { level: (label: string) => ({ level: label }), log: redactSecrets },
    mixin: () => {
      const context = currentContext();
      return context ? { correlationId: context.correlationId, traceId: traceIdOf(context.traceparent) } : {};
    },
  };
  return destination ? pino(options, destination) : pino(options);
}
