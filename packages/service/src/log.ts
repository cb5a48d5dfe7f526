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

/** The one logger: JSON lines with level, time (ISO 8601), correlation and trace id, and secrets replaced by `[redacted]`. */
export function createLog({ level = 'info', destination }: LogOptions = {}): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: (error: unknown) => describeError(error) },
    formatters: { level: (label: string) => ({ level: label }), log: redactSecrets },
    mixin: () => {
      const context = currentContext();
      return context ? { correlationId: context.correlationId, traceId: traceIdOf(context.traceparent) } : {};
    },
  };
  return destination ? pino(options, destination) : pino(options);
}
