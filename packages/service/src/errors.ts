/**
 * What went wrong, in the terms of the product. `packages/http` alone knows which status a kind becomes.
 */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'timeout'
  | 'conflict'
  | 'gone'
  | 'precondition-failed'
  | 'too-large'
  | 'unsupported-media-type'
  | 'unprocessable'
  | 'too-many'
  | 'headers-too-large'
  | 'internal'
  | 'unavailable';

/** One field that was refused: `path` as a JSON pointer, into the body (`/email`), or `/query/limit`, `/path/id`, `/headers/if-match`. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface ErrorOptions {
  readonly message?: string;
  readonly fields?: readonly FieldError[];
  /** Whole seconds until a repeat makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** More answer headers, `WWW-Authenticate` for example. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** An error that a caller is meant to see. Anything else that is thrown becomes a 500 without detail. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly kind: ErrorKind;
  readonly code: string;
  /** What all occurrences of this error have in common; `message` may say more of this one. */
  readonly title: string;
  readonly fields: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(kind: ErrorKind, code: string, options: ErrorOptions & { readonly message: string; readonly title?: string }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.code = code;
    this.title = options.title ?? options.message;
    this.fields = options.fields;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers;
  }
}

/** What the page `/problems/<code>` tells a developer who met this error. */
export interface ErrorDefinition {
  readonly kind: ErrorKind;
  /** One short sentence, the same for every occurrence: the problem's `title`, and its `detail` by default. */
  readonly title: string;
  readonly cause: string;
  readonly fix: string;
}

export type ErrorCatalogue = Readonly<Record<string, ErrorDefinition>>;

type ErrorFactories<C extends ErrorCatalogue> = { readonly [Code in keyof C]: (options?: ErrorOptions) => AppError } & {
  readonly catalogue: C;
};

/**
 * Declares the errors of one service, in one file: `errors.email_taken()` makes one, `errors.catalogue` documents all.
 */
export function defineErrors<const C extends ErrorCatalogue>(catalogue: C): ErrorFactories<C> {
  const factories = Object.entries(catalogue).map(([code, { kind, title }]) => [
    code,
    (options: ErrorOptions = {}) => new AppError(kind, code, { message: title, ...options, title }),
  ]);
  return { ...Object.fromEntries(factories), catalogue };
}

/** What was looked for: `orThrow(await find(id), errors.user_not_found)`. @throws what `makeError` makes where there is none. */
export function orThrow<T>(found: T | undefined, makeError: () => AppError): T {
  if (found === undefined) throw makeError();
  return found;
}
