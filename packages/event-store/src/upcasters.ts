import { eventStoreErrors } from './errors.ts';
import type { DomainEvent } from './types.ts';

/** Makes data of the next version. */
type Upcaster = (data: never) => object;

/**
 * For each type of event, what brings old data up to date: the first takes version 1 to 2, the second 2 to 3. An event is written in the
 * version that the last one makes, or in 1. With each change of the data one is added at the end, and none is ever removed.
 */
export type Upcasters<E extends DomainEvent> = { readonly [Type in E['type']]: readonly Upcaster[] };

export function createUpcasting<E extends DomainEvent>(upcasters: Upcasters<E>) {
  const chains = new Map<string, readonly Upcaster[]>(Object.entries(upcasters));

  return {
    /** The version in which events of the type are written. */
    versionOf(type: string): number {
      const chain = chains.get(type);
      if (chain === undefined) throw new TypeError(`the event ${type} has no entry in the upcasters`);
      return chain.length + 1;
    },
    /** @throws `event_too_new` for a type or version that this code does not know. */
    upcast(type: string, version: number, data: object): object {
      const chain = chains.get(type);
      if (chain === undefined || version > chain.length + 1) {
        const cause = new Error(`an event ${type} of version ${version} is not known here`);
        throw eventStoreErrors.event_too_new({ retryAfterSeconds: 5, cause });
      }
      return chain.slice(version - 1).reduce((older: object, next) => next(older as never), data);
    },
  };
}

export type Upcasting = ReturnType<typeof createUpcasting>;
