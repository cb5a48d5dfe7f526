import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  type BatchSpanProcessorOptions,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import type { Environment, Logger } from '@stoa/service';

/** OpenTelemetry's standard variables that its SDK leaves to the application. An invalid value is logged, and the default is used. */
export function samplerOf(environment: Environment, log: Logger): Sampler {
  const { OTEL_TRACES_SAMPLER: name = 'parentbased_always_on', OTEL_TRACES_SAMPLER_ARG: argument } = environment;
  const ratio = () => new TraceIdRatioBasedSampler(ratioOf(argument, log));
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return ratio();
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: ratio() });
    default:
      if (name !== 'parentbased_always_on') log.warn(`OTEL_TRACES_SAMPLER=${name} is not known: parentbased_always_on is used`);
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
  }
}

function ratioOf(argument: string | undefined, log: Logger): number {
  const ratio = Number(argument ?? 1);
  if (ratio >= 0 && ratio <= 1) return ratio;
  log.warn(`OTEL_TRACES_SAMPLER_ARG=${argument} is no number from 0 to 1: 1 is used`);
  return 1;
}

/** `OTEL_BSP_*`. */
export function batchSettings(environment: Environment): Partial<BatchSpanProcessorOptions> {
  const variables = {
    scheduledDelayMillis: 'OTEL_BSP_SCHEDULE_DELAY',
    exportTimeoutMillis: 'OTEL_BSP_EXPORT_TIMEOUT',
    maxQueueSize: 'OTEL_BSP_MAX_QUEUE_SIZE',
    maxExportBatchSize: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
  };
  const set = Object.entries(variables).map(([option, variable]) => [option, Number.parseInt(environment[variable] ?? '', 10)] as const);
  return Object.fromEntries(set.filter(([, value]) => value > 0));
}
