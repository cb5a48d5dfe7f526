import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError, type Environment, loadConfig, Secret } from '@stoa/service';
import { type Static, type TObject, type TSchema, Type } from 'typebox';
import { GATEWAY, serviceNames } from './services.ts';
import { StartProblem } from './start-problem.ts';

export const LOCAL = 'local:';

/** Names a service's database outright. */
export function databaseVariable(service: string): string {
  return `${service.toUpperCase()}_DATABASE_URL`;
}

/** A port of its own for a service that does not have PORT. */
export function portVariable(service: string): string {
  return `${service.toUpperCase()}_PORT`;
}

/** Says where a service is that this process does not run. */
export function placeVariable(service: string): string {
  return `SERVICES_${service.toUpperCase()}_URL`;
}

const stoaSecret = Secret({
  pattern: '^[A-Za-z0-9+/]{43}=$',
  expected: '32 random bytes in base64; `npx stoa secret` prints them',
  description:
    'The secret that every other key is derived from: 32 random bytes in base64 (`npx stoa secret`). Required with DATABASE_URL; made in DATA_DIR/secret when embedded.',
});

const HTTP_URLS = '^https?://[^/,\\s]+/?(,https?://[^/,\\s]+/?)*$';

/** `<NAME>_DATABASE_URL`, `<NAME>_PORT` and `SERVICES_<NAME>_URL` of every service. */
const perService = Object.assign(
  {},
  ...serviceNames.map((name) => ({
    [databaseVariable(name)]: Type.Optional(
      Type.String({
        pattern: '^postgres(ql)?://',
        secret: true,
        expected: 'postgres://user:password@host:5432/database',
        description: `The database of ${name}, with its own role, where it is not the one that "stoa migrate" makes at DATABASE_URL.`,
      }),
    ),
    [portVariable(name)]: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: `A port of its own for ${name}, where it shares its process and other processes call it.`,
      }),
    ),
    [placeVariable(name)]: Type.Optional(
      Type.String({
        pattern: HTTP_URLS,
        list: true,
        expected: 'http://host:3000, or several with commas between',
        description: `Where ${name} is when it runs in other processes: its copies, or one name that stands for all. Only with a broker between them, and then it is http://${name}:3000 by default.`,
      }),
    ),
  })),
) as Record<string, TSchema>;

const ownConfig = Type.Object({
  PORT: Type.Integer({ default: 3000, minimum: 0, maximum: 65_535, description: 'Port of the gateway; 0 takes a free one.' }),
  HOST: Type.Optional(Type.String({ description: 'Address to listen on: 127.0.0.1 when embedded, else 0.0.0.0.' })),
  PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^/\\s]+$',
      expected: 'an address like https://api.example.com, without a path',
      description: 'Where people reach the gateway; links in mails begin with it.',
    }),
  ),
  DATA_DIR: Type.String({ default: './.stoa', description: 'Folder of everything that the embedded mode keeps.' }),
  DATABASE_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://',
      secret: true,
      expected: 'postgres://user:password@host:5432/database',
      description:
        "A PostgreSQL 15 or newer. Commands need an administrator's URL; a service that runs uses only its host, with a role of its own. Absent: Stoa starts its own.",
    }),
  ),
  DATABASE_PREFIX: Type.String({
    default: 'stoa_',
    pattern: '^[a-z_][a-z0-9_]{0,30}$',
    expected: 'lower-case letters, digits and _',
    description: 'Begins the names of the databases and roles.',
  }),
  BROKER_URL: Type.String({
    default: LOCAL,
    pattern: '^(local:$|amqps?://)',
    expected: 'local:, or amqp://user:password@host:5672',
    description: 'Message broker: `local:` carries messages inside the process, `amqp:` by RabbitMQ between processes.',
  }),
  BROKER_PREFIX: Type.String({
    default: 'stoa',
    pattern: '^[a-z][a-z0-9_-]{0,30}$',
    expected: 'lower-case letters, digits, _ and -',
    description: 'Begins the names of the exchange and the queues: tells apart installations that share a broker.',
  }),
  REDIS_URL: Type.Optional(
    Type.String({
      pattern: '^rediss?://',
      secret: true,
      expected: 'redis://user:password@host:6379',
      description: 'Redis, which several copies share for limits, codes and cached answers. Absent: Postgres and memory.',
    }),
  ),
  ROLE: Type.Enum(['all', 'api', 'worker'], {
    default: 'all',
    description: 'What this process does for its services: api answers requests, worker does the background work, all does both.',
  }),
  DRAIN_MS: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 20_000,
      description:
        'How long a process that is to stop still takes requests, while callers turn away from it: 3000, or 0 with BROKER_URL=local:.',
    }),
  ),
  STOA_SECRET: Type.Optional(stoaSecret),
  SERVICES: Type.String({ default: 'all', description: 'Which services this process runs, by name and separated by commas, or all.' }),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://[^\\s/?#]+\\S*$',
      expected: 'the address of an OTLP/HTTP receiver, like http://collector:4318',
      description:
        'Where traces go. Absent: none are sent. The other OTEL_… variables mean what OpenTelemetry defines: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_SCHEDULE_DELAY and so on.',
    }),
  ),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    default: 'info',
    description: 'From which level on lines are logged.',
  }),
});

/** The variables of the process itself; every service has more of its own. */
export const serverConfig: TObject = Type.Object({ ...ownConfig.properties, ...perService });

export type ServerConfig = Static<typeof ownConfig>;

/** Flags beat the environment, which beats `.env` in the working folder. */
export function readEnvironment(flags: Environment, environment: Environment = process.env, folder = process.cwd()): Environment {
  const set = (values: Environment) => Object.fromEntries(Object.entries(values).filter(([, value]) => value?.trim()));
  return { ...set(readDotEnv(resolve(folder, '.env'))), ...set(environment), ...set(flags) };
}

function readDotEnv(file: string): Environment {
  try {
    return parseEnv(readFileSync(file, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new StartProblem(`${file} cannot be read: ${(error as Error).message}.`, 'Mend its permissions or remove it.');
  }
}

interface Configured {
  readonly config: TObject;
  checkConfig?(config: never): void;
}

export interface Settings {
  readonly config: ServerConfig;
  /** The environment, with what the topology decides filled in, but for `withPublicUrl`. */
  readonly resolved: Environment;
  /** Whether Stoa starts its own Postgres. */
  readonly embedded: boolean;
}

/**
 * All settings of this process, checked as a whole before anything starts.
 * @throws ConfigError with the problems of all of it together.
 */
export function readSettings(environment: Environment, services: readonly Configured[]): Settings {
  const embedded = isEmbedded(environment);
  const resolved: Environment = embedded ? { MAIL_URL: 'mailbox:', ...environment } : environment;
  const problems = new Map<string, ConfigError['problems'][number]>();
  const attempt = <T>(load: () => T): T | undefined => {
    try {
      return load();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) problems.set(problem.variable, problem);
      return undefined;
    }
  };
  const config = attempt(() => loadConfig(serverConfig, resolved)) as ServerConfig | undefined;
  if (!embedded) attempt(() => loadConfig(Type.Object({ STOA_SECRET: stoaSecret }), resolved));
  const complete = withPublicUrl(resolved, config?.PORT ?? 0);
  for (const service of services)
    attempt(() => {
      const loaded = loadConfig(service.config, complete);
      service.checkConfig?.(loaded as never);
    });
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
  return { config: config as ServerConfig, resolved, embedded };
}

/** Stoa starts its own Postgres where none is configured and it is a single process: a shared one must be external. */
const isEmbedded = (environment: Environment): boolean =>
  environment['DATABASE_URL'] === undefined &&
  (environment['BROKER_URL'] ?? LOCAL) === LOCAL &&
  !serviceNames.some((name) => environment[databaseVariable(name)] !== undefined);

/** Where people reach this process by default, once its port is known. */
export const withPublicUrl = (environment: Environment, port: number): Environment => ({
  PUBLIC_URL: `http://localhost:${port}`,
  ...environment,
});

/** The services that `SERVICES` names; `all` by default. @throws StartProblem for an unknown one. */
export function chosenServices({ SERVICES = 'all' }: Environment): readonly string[] {
  const known = [GATEWAY, ...serviceNames];
  if (SERVICES === 'all') return known;
  const chosen = SERVICES.split(',').map((name) => name.trim());
  const unknown = chosen.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new StartProblem(
      `SERVICES=${SERVICES}: there is no service ${unknown.map((name) => `"${name}"`).join(', ')}.`,
      `Choose from ${known.join(', ')}, or all.`,
    );
  }
  return chosen;
}
