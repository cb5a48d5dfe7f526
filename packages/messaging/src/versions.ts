import type { TSchema } from 'typebox';
import { findFault } from './check.ts';
import { readerSchema } from './reader-schema.ts';
import type { Consumer, Job, Message } from './types.ts';

/** One version of the messages that a consumer or a job takes. */
export interface Version {
  readonly type: string;
  readonly version: number;
  readonly schema: TSchema;
  upcast(data: unknown): unknown;
}

const asItIs = (data: unknown): unknown => data;

export const versionsOfConsumer = <Schema>({ event, earlier = [] }: Consumer<Schema>): readonly Version[] =>
  [{ event, upcast: asItIs }, ...earlier].map(({ event: { name, version, schema }, upcast }) => {
    if (name !== event.name) throw new TypeError(`a consumer of ${event.name} cannot take ${name} as an earlier version of it`);
    return { type: name, version, schema, upcast: upcast as Version['upcast'] };
  });

/** @param name the job's, or one that it had before. */
export const versionsOfJob = <Schema>({ version = 1, data, earlier = [] }: Job<Schema>, name: string): readonly Version[] =>
  [{ version, data, upcast: asItIs }, ...earlier].map(({ version: number, data: schema, upcast }) => ({
    type: name,
    version: number,
    schema,
    upcast: upcast as Version['upcast'],
  }));

export const findVersion = (versions: readonly Version[], { type, version }: Message): Version | undefined =>
  versions.find((taken) => taken.type === type && taken.version === version);

/** What is wrong with the data of a message, for a reader, who passes over properties that it does not know. */
export const findMisfit = ({ schema }: Version, { data }: Message): string | undefined => findFault(readerSchema(schema), data);
