import type { Static, TSchema } from 'typebox';
import { routes } from './routes.ts';

/** The source of an event that whichever service publishes. */
export const ANY_SERVICE = 'any-service';

interface EventDefinition<Name extends string, Schema extends TSchema> {
  readonly name: Name;
  readonly version: number;
  /** The service that publishes it, or `ANY_SERVICE`. */
  readonly source: string;
  readonly description: string;
  readonly schema: Schema;
  readonly example: Static<Schema>;
  readonly key: (data: Static<Schema>) => string;
}

/** Declares one event and looks up its subscribers: an event without a route does not compile. */
export function defineEvent<const Name extends keyof typeof routes, Schema extends TSchema>(definition: EventDefinition<Name, Schema>) {
  return { ...definition, subscribers: routes[definition.name] };
}
