export { createService, type Part, type ServiceContext, type ServiceDescription, type ServiceParts } from './create-service.ts';
export {
  DEAD_LETTERS_PATH,
  DeadLetterItem,
  DeadLetterPage,
  DeadLetterWithData,
  deadLetterErrors,
  installDeadLetterRoutes,
  RatePerSecond,
  Replayed,
  ReplayProgress,
} from './dead-letters/dead-letter-routes.ts';
export { migrationSourcesOf } from './migration-sources.ts';
export { createReplica, type ForgetOptions, type ReplicaOptions, type Replicated } from './replica.ts';
export type { ServiceDeps } from './service-deps.ts';
export { type UnitOfWork, unitOfWork } from './unit-of-work.ts';
