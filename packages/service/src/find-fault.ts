import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

type Check = (data: unknown) => string | undefined;

const checks = new WeakMap<TSchema, Check>();

/** What is wrong with `data`, naming the places but never the values, or `undefined`. Each schema is compiled once. */
export function findFault(schema: TSchema, data: unknown): string | undefined {
  let check = checks.get(schema);
  if (check === undefined) {
    const compiled = Compile(schema);
    check = (value) =>
      compiled.Check(value)
        ? undefined
        : compiled
            .Errors(value)
            .slice(0, 5)
            .map(({ instancePath, message }) => `${instancePath || '/'} ${message}`)
            .join('; ');
    checks.set(schema, check);
  }
  return check(data);
}
