import { findFault } from '@stoa/service';
import type { TSchema } from 'typebox';
import { canonicalData, readerSchema } from './reader-schema.ts';
import { type Consumer, type Job, type Message, MisfitError } from './types.ts';

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

/** What has its data as a job has it. */
type Declared = Pick<Job, 'version' | 'data' | 'earlier'>;

/** @param name the job's, or one that it had before. */
export const versionsOfJob = ({ version = 1, data, earlier = [] }: Declared, name: string): readonly Version[] =>
  [{ version, data, upcast: asItIs }, ...earlier].map(({ version: number, data: schema, upcast }) => ({
    type: name,
    version: number,
    schema,
    upcast: upcast as Version['upcast'],
  }));

export const findVersion = (versions: readonly Version[], { type, version }: Message): Version | undefined =>
  versions.find((taken) => taken.type === type && taken.version === version);

/** What is wrong with the data of a message, for a reader, which ignores properties that it does not know. */
export const findMisfit = ({ schema }: Version, { data }: Message): string | undefined => findFault(readerSchema(schema), data);

/**
 * The data of a row of `declared`, as its present version has it, with ids in their one form.
 * @param name that of the row. @throws MisfitError when no version that is taken has such data: what another copy of the service wrote, that one
 * can handle.
 */
export function readData(declared: Declared, name: string, row: { readonly version: number; readonly data: unknown }): unknown {
  const version = versionsOfJob(declared, name).find((taken) => taken.version === row.version);
  if (version === undefined) throw new MisfitError(`no live copy takes version ${row.version} of ${name}`);
  const data = canonicalData(version.schema, row.data);
  const misfit = findFault(readerSchema(version.schema), data);
  if (misfit !== undefined) throw new MisfitError(`data does not fit the schema of ${name}: ${misfit}`);
  return version.upcast(data);
}
