export { eventStoreErrors, VersionConflict } from './errors.ts';
export { createEventStore, type EventStore, type EventStoreOptions, eventStoreMigrations } from './event-store.ts';
export type { RebuildOptions, RebuildProgress } from './rebuild.ts';
export type {
  Aggregate,
  Decider,
  DomainEvent,
  EventMetadata,
  Handled,
  LoadedStream,
  PlainEvent,
  Projection,
  RecordedEvent,
  Streams,
} from './types.ts';
export type { Upcasters } from './upcasters.ts';
