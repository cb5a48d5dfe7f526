export { type Canonicalise, canonicalId, canonicaliserOf, UUID } from './canonical-ids.ts';
export { type Clock, fakeClock, systemClock } from './clock.ts';
export { ConfigError, type ConfigProblem, type ConfigRow, describeConfig, type Environment, loadConfig, Secret } from './config.ts';
export { contextHeaders, createContext, currentContext, isRequest, type Received, type RequestContext, runInContext } from './context.ts';
export { type Deployment, deploymentOf, type Processes } from './deployment.ts';
export { emailAddressForm } from './email-address.ts';
export {
  AppError,
  defineErrors,
  type ErrorCatalogue,
  type ErrorDefinition,
  type ErrorKind,
  type ErrorOptions,
  type FieldError,
  orThrow,
} from './errors.ts';
export { findFault } from './find-fault.ts';
export { randomHex, uuidv7 } from './ids.ts';
export { createKeys, type DeriveKey } from './keys.ts';
export { createLog, type Logger, type LogOptions } from './log.ts';
export { type Loop, startLoop } from './loop.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { type NamedSchema, named, nameOf } from './named.ts';
export { createSealing, type Sealing } from './sealing.ts';
export { createSemaphore, type Semaphore } from './semaphore.ts';
export type { HealthPart, Seeding, Service, ServiceDefinition } from './service.ts';
export { hasVisibleCharacter } from './text.ts';
export { traceIdOf } from './traceparent.ts';
export {
  type Attributes,
  errorType,
  inReceivedSpan,
  inSpan,
  type Span,
  type SpanStart,
  startReceivedSpan,
  startSpan,
  type Tracer,
  traceWith,
} from './tracing.ts';
export { abortable, pause, withTimeout } from './waiting.ts';
