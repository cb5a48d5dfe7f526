import { AsyncLocalStorage } from 'node:async_hooks';
import { createTraceState, ROOT_CONTEXT, type Tracer as SdkTracer, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import { type Environment, type Logger, type Tracer, traceWith, withTimeout } from '@stoa/service';
import { batchSettings, samplerOf } from './telemetry-settings.ts';

/** How long the process waits at its end for the last spans to be taken, by the last known state of the collector. */
const FLUSH_LIMIT_MS = { answering: 3_000, unknown: 500, failing: 100 };

export interface TelemetryOptions {
  readonly environment: Environment;
  /** The services of this process. */
  readonly chosen: readonly string[];
  readonly log: Logger;
}

export interface Telemetry {
  /** Hands over what is left, in bounded time. Never fails. */
  stop(): Promise<void>;
}

/**
 * Sends the spans of this process to an OpenTelemetry collector by OTLP over HTTP. Imported only where one is named: the SDK takes
 * time to load and memory. What the collector does not take is dropped; nothing waits for it.
 */
export function startTelemetry({ environment, chosen, log }: TelemetryOptions): Telemetry {
  // The exporter and the resource read the process's environment, which does not have what `.env` says.
  for (const [name, value] of Object.entries(environment)) if (name.startsWith('OTEL_')) process.env[name] ??= value;
  const exporter = watch(new OTLPTraceExporter(), log);
  const provider = new TracerProvider({
    resource: resourceOf(chosen),
    sampler: samplerOf(environment, log),
    spanProcessors: [new BatchSpanProcessor({ exporter, ...batchSettings(environment) })],
  });
  traceWith(createTracer(provider.getTracer('stoa')));
  return {
    async stop() {
      traceWith(undefined);
      const flushed = provider.shutdown().catch(() => {});
      await withTimeout(flushed, FLUSH_LIMIT_MS[exporter.collector()], () => {});
    },
  };
}

/** `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` beat our own values; the command line, which may hold secrets, is not sent. */
function resourceOf(chosen: readonly string[]): Resource {
  const [only, ...others] = chosen;
  const ours = { 'service.name': others.length === 0 ? (only as string) : 'stoa', 'service.namespace': 'stoa' };
  const detectors = [serviceInstanceIdDetector, resourceAttributesEnvDetector, serviceNameEnvDetector];
  return defaultResource().merge(resourceFromAttributes(ours)).merge(detectResources({ detectors }));
}

/** Logs once when spans begin to be lost, and once when they arrive again. */
function watch(exporter: SpanExporter, log: Logger): SpanExporter & { collector(): keyof typeof FLUSH_LIMIT_MS } {
  // Else the lines would carry the ids of the request whose span filled the batch.
  const outside = AsyncLocalStorage.snapshot();
  let state: keyof typeof FLUSH_LIMIT_MS = 'unknown';
  return {
    collector: () => state,
    export(spans, done) {
      exporter.export(spans, (result) => {
        const next = result.error === undefined && result.code === 0 ? 'answering' : 'failing';
        if (next === 'failing' && state !== 'failing') {
          outside(() => log.warn({ reason: result.error?.message }, 'traces are dropped: the collector does not take them'));
        } else if (next === 'answering' && state === 'failing') outside(() => log.info('the collector takes traces again'));
        state = next;
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER };

/** Our spans as the SDK's. The parent comes with our own context, so that no context manager of the SDK's is needed. */
function createTracer(sdk: SdkTracer): Tracer {
  return ({ kind, name, attributes }, parent) => {
    const span = sdk.startSpan(name, { kind: KINDS[kind], attributes }, parent === undefined ? ROOT_CONTEXT : contextOf(parent));
    const { traceId, spanId, traceFlags } = span.spanContext();
    return {
      traceparent: `00-${traceId}-${spanId}-0${traceFlags & 1}`,
      rename: (to) => void span.updateName(to),
      set: (more) => void span.setAttributes(more),
      fail(type) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        span.setAttribute('error.type', type);
      },
      end: () => span.end(),
    };
  };
}

function contextOf({ traceparent, tracestate }: NonNullable<Parameters<Tracer>[1]>) {
  const [, traceId, spanId, flags] = traceparent.split('-') as [string, string, string, string];
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
    ...(tracestate === undefined ? {} : { traceState: createTraceState(tracestate) }),
  });
}
