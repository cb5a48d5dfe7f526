import { expect } from 'vitest';
import type { Decider, DomainEvent, PlainEvent } from '../types.ts';

/** As the store gives it back: JSON, without what is personal. */
const asStored = <E extends DomainEvent>({ type, data }: E): PlainEvent<E> =>
  ({ type, data: throughJson(data) }) as unknown as PlainEvent<E>;

const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/**
 * Given, when, then, for a decider: `const given = specification(order)`, and
 * `given(placed).when({ type: 'cancel' }).thenEvents(cancelled)`.
 */
export function specification<State, Command, E extends DomainEvent>({ initialState, evolve, decide }: Decider<State, Command, E>) {
  return (...events: readonly E[]) => ({
    when(command: Command) {
      const happens = (): E[] => {
        const state = events.reduce((before, event) => evolve(before, asStored(event)), initialState());
        return [decide(state, command)].flat() as E[];
      };
      return {
        /** These, in this order, and nothing else; each is what JSON can hold. */
        thenEvents(...expected: readonly E[]): void {
          const happened = happens();
          expect(happened).toEqual(expected);
          expect(throughJson(happened), 'an event is JSON').toEqual(happened);
        },
        thenNothing(): void {
          expect(happens()).toEqual([]);
        },
        /** @param expected what the error has: `{ code: 'illegal_transition' }`. */
        thenRefuses(expected: Readonly<Record<string, unknown>>): void {
          let refusal: unknown;
          try {
            happens();
          } catch (error) {
            refusal = error;
          }
          expect(refusal, 'nothing was refused').toBeDefined();
          expect(refusal).toMatchObject(expected);
        },
      };
    },
  });
}
