import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import type { FastifyServerOptions } from 'fastify';
import { PROBLEM_MEDIA_TYPE } from './problem.ts';

type Compilers = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;
type BuildSerializer = NonNullable<Compilers['buildSerializer']>;

/**
 * Fastify's own serializers, but none for problems: they are written by `sendProblem` alone, and one for each error of each route
 * would be a quarter of the time and memory of a start.
 */
export const buildSerializer: BuildSerializer = (externalSchemas, options) => {
  const compile = SerializerSelector()(externalSchemas, options);
  return (route) => ((route as { contentType?: string }).contentType === PROBLEM_MEDIA_TYPE ? JSON.stringify : compile(route));
};
