import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';

/**
 * Configuration is environment variables and nothing else: flags and `.env` are folded into the same record before it
 * gets here. One TypeBox object per service declares them; its `description`, `default` and `secret` annotations also
 * make `.env.example` and the table in the documents.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Marks a variable whose value is never printed. */
export const Secret = (options: { description: string; pattern?: string; expected?: string }) => Type.String({ ...options, secret: true });

export interface ConfigProblem {
  readonly variable: string;
  /** The value as received, `•••` for a secret, absent when nothing was received. */
  readonly received?: string;
  readonly expected: string;
}

/** All that is wrong with a configuration, so that one start shows every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(describeProblem).join('\n'));
    this.problems = problems;
  }
}

const describeProblem = ({ variable, received, expected }: ConfigProblem) =>
  received === undefined ? `${variable} is not set: expected ${expected}` : `${variable}=${received} is not valid: expected ${expected}`;

type Annotated = TSchema & {
  type?: string;
  description?: string;
  default?: unknown;
  secret?: boolean;
  minimum?: number;
  maximum?: number;
  enum?: readonly unknown[];
  anyOf?: readonly { const?: unknown }[];
  expected?: string;
  /** Several, with commas between. */
  list?: boolean;
};

/**
 * Reads the variables that `schema` declares. An empty variable counts as unset.
 * @throws ConfigError naming every missing or invalid variable.
 */
export function loadConfig<T extends TObject>(schema: T, environment: Environment): Static<T> {
  const config: Record<string, unknown> = {};
  const problems: ConfigProblem[] = [];
  for (const [variable, property] of Object.entries(schema.properties) as [string, Annotated][]) {
    const received = environment[variable]?.trim() || undefined;
    const value = received === undefined ? property.default : convert(property, received);
    if (value === undefined && !schema.required?.includes(variable)) continue;
    if (
      value === undefined ||
      !Compile(property).Check(value) ||
      (variable.endsWith('_URL') && !(property.list ? String(value).split(',') : [String(value)]).every(isUrl))
    ) {
      problems.push({
        variable,
        expected: expectation(property),
        ...(received === undefined ? {} : { received: property.secret ? '•••' : maskPassword(received) }),
      });
    } else config[variable] = value;
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config as Static<T>;
}

/** Variables that end in `_URL` must be usable URLs, user and password too: later is too late for the error. */
function isUrl(text: string): boolean {
  try {
    const { username, password } = new URL(text);
    decodeURIComponent(`${username}${password}`);
    return true;
  } catch {
    return false;
  }
}

const maskPassword = (text: string) => text.replace(/(:\/\/[^:@/\s]*:).*@/, '$1•••@');

function convert(property: Annotated, text: string): unknown {
  if (property.type === 'integer' || property.type === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (property.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return text;
}

function expectation(property: Annotated): string {
  if (property.expected) return property.expected;
  const choices = property.enum ?? property.anyOf?.map((choice) => choice.const);
  if (choices) return `one of ${choices.join(', ')}`;
  if (property.type === 'integer' || property.type === 'number') {
    const { minimum, maximum } = property;
    const kind = property.type === 'integer' ? 'a whole number' : 'a number';
    if (minimum !== undefined && maximum !== undefined) return `${kind} from ${minimum} to ${maximum}`;
    if (minimum !== undefined) return `${kind}, at least ${minimum}`;
    return kind;
  }
  if (property.type === 'boolean') return 'true or false';
  return property.description ?? 'a text';
}

/** One row of the table of variables. */
export interface ConfigRow {
  readonly variable: string;
  readonly description: string;
  readonly expected: string;
  readonly default?: string;
  readonly secret: boolean;
}

/** The documentation of a schema, for `.env.example` and the table in the documents. */
export function describeConfig(schema: TObject): ConfigRow[] {
  return (Object.entries(schema.properties) as [string, Annotated][]).map(([variable, property]) => ({
    variable,
    description: property.description ?? '',
    expected: property.description === expectation(property) ? 'text' : expectation(property),
    ...(property.default === undefined ? {} : { default: String(property.default) }),
    secret: property.secret === true,
  }));
}
