import { type Direction, type Schema, schemaBreaks } from './schema-changes.ts';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

type Content = Readonly<Record<string, { readonly schema?: Schema }>>;

interface Response {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Content;
}

interface Operation {
  readonly operationId?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content?: Content };
  readonly responses?: Readonly<Record<string, Schema>>;
  readonly security?: readonly object[];
}

export interface ApiDocument {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: object;
}

/**
 * What breaks clients written for the previous OpenAPI document: a line for each, with its operation and place. Additions break nobody:
 * paths, statuses, fields of answers and fixed values of theirs, fields of requests that may be left out.
 */
export function breakingChanges(before: ApiDocument, after: ApiDocument): string[] {
  const [resolveBefore, resolveAfter] = [resolverOf(before), resolverOf(after)];
  const request: Direction = { isAnswer: false, before: resolveBefore, after: resolveAfter };
  const answer: Direction = { ...request, isAnswer: true };

  return Object.entries(before.paths ?? {}).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      const now = after.paths?.[path]?.[method];
      const breaks = now === undefined ? ['is gone'] : operationBreaks(operation, now);
      return breaks.map((each) => `${method.toUpperCase()} ${path}: ${each}`);
    }),
  );

  function operationBreaks(was: Operation, is: Operation): string[] {
    return [
      ...(was.operationId === is.operationId ? [] : [`is now called ${is.operationId}`]),
      ...parameterBreaks(was.parameters ?? [], is.parameters ?? []),
      ...bodyBreaks(was.requestBody, is.requestBody),
      ...securityBreaks(was.security ?? [], is.security ?? []),
      ...Object.entries(was.responses ?? {}).flatMap(([status, response]) => {
        const now = is.responses?.[status];
        if (now === undefined) return [`answers no ${status} any more`];
        return responseBreaks(resolveBefore(response), resolveAfter(now)).map((each) => `${status}: ${each}`);
      }),
    ];
  }

  function parameterBreaks(was: readonly Parameter[], is: readonly Parameter[]): string[] {
    const same = (one: Parameter) => (other: Parameter) => one.name === other.name && one.in === other.in;
    return [
      ...was.flatMap((one) => {
        const now = is.find(same(one));
        // Unknown headers are ignored; an unknown parameter of the query is refused.
        if (now === undefined) return one.in === 'query' ? [`query ${one.name} is gone`] : [];
        const narrower = schemaBreaks(one.schema ?? {}, now.schema ?? {}, request);
        return [...(now.required && !one.required ? ['is now required'] : []), ...narrower].map((each) => `${one.in} ${one.name}: ${each}`);
      }),
      ...is.filter((one) => one.required && !was.some(same(one))).map((one) => `${one.in} ${one.name} is new and required`),
    ];
  }

  function bodyBreaks(was: Operation['requestBody'], is: Operation['requestBody']): string[] {
    if (was === undefined) return is?.required ? ['needs a body now'] : [];
    if (is === undefined) return ['takes no body any more'];
    const needed = is.required && !was.required ? ['needs a body now'] : [];
    return [...needed, ...contentBreaks(was.content, is.content, request).map((each) => `body: ${each}`)];
  }

  function responseBreaks(was: Response, is: Response): string[] {
    const headers = Object.keys(was.headers ?? {}).filter((name) => is.headers?.[name] === undefined);
    return [...headers.map((name) => `the header ${name} is gone`), ...contentBreaks(was.content, is.content, answer)];
  }

  function contentBreaks(was: Content = {}, is: Content = {}, direction: Direction): string[] {
    return Object.entries(was).flatMap(([type, { schema = {} }]) => {
      const now = is[type];
      return now === undefined ? [`${type} is gone`] : schemaBreaks(schema, now.schema ?? {}, direction);
    });
  }
}

/** Every way to authenticate must still be accepted. No authentication is written as no alternative, or as an empty one. */
function securityBreaks(was: readonly object[], is: readonly object[]): string[] {
  const ways = (list: readonly object[]) => (list.length === 0 ? [''] : list.map((way) => Object.keys(way).sort().join(' and ')));
  const left = ways(is);
  return ways(was)
    .filter((way) => !left.includes(way) && !left.includes(''))
    .map((way) => `no longer accepts ${way || 'requests without credentials'}`);
}

/** Finds what a `$ref` of the document names. */
export const resolverOf =
  (document: object) =>
  (schema: Schema): Schema => {
    let found: unknown = schema;
    for (let ref = schema['$ref']; typeof ref === 'string'; ref = (found as Schema)['$ref']) {
      found = ref
        .slice(2)
        .split('/')
        .reduce<unknown>((at, name) => (at as Schema)[name], document);
    }
    return found as Schema;
  };

interface EventDocument {
  readonly components?: { readonly messages?: Readonly<Record<string, { readonly payload?: Schema }>> };
}

/**
 * The same for the events of an AsyncAPI document. Services of the previous version read the events of this one, and their events are read
 * by this one: both directions count. A reader checks the data, so that one more value or a looser limit breaks it, as it does no client.
 */
export function breakingEvents(before: EventDocument, after: EventDocument): string[] {
  const directions = [true, false].map((isAnswer) => ({
    ...{ isAnswer, isChecked: true },
    before: resolverOf(before),
    after: resolverOf(after),
  }));
  return Object.entries(before.components?.messages ?? {}).flatMap(([name, { payload = {} }]) => {
    const now = after.components?.messages?.[name];
    const breaks = now === undefined ? ['is gone'] : directions.flatMap((direction) => schemaBreaks(payload, now.payload ?? {}, direction));
    return [...new Set(breaks)].map((each) => `event ${name}: ${each}`);
  });
}
