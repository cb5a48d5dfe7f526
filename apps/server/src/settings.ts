import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError, type Environment, loadConfig, Secret } from '@stoa/service';
import { type Static, type TObject, Type } from 'typebox';
import { StartProblem } from './start-problem.ts';

const stoaSecret = Secret({
  pattern: '^[A-Za-z0-9+/]{43}=$',
  expected: '32 random bytes in base64; `npx stoa secret` prints them',
  description:
    'The secret that every other key is derived from: 32 random bytes in base64 (`npx stoa secret`). Required with DATABASE_URL; made in DATA_DIR/secret when embedded.',
});

const mailUrl = Type.String({ description: 'where mails leave: smtp://…, or mailbox: to keep them here' });

/** The variables of the process itself; every service has more of its own. */
export const serverConfig = Type.Object({
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
      description: "An administrator's URL of a PostgreSQL 15 or newer. Absent: Stoa brings its own.",
    }),
  ),
  DATABASE_PREFIX: Type.String({
    default: 'stoa_',
    pattern: '^[a-z_][a-z0-9_]{0,30}$',
    expected: 'lower-case letters, digits and _',
    description: 'Begins the names of the databases and roles.',
  }),
  BROKER_URL: Type.String({
    default: 'local:',
    pattern: '^local:$',
    expected: 'local: (the only one there is so far)',
    description: 'Message broker; `local:` carries messages inside the process.',
  }),
  STOA_SECRET: Type.Optional(stoaSecret),
  SERVICES: Type.String({ default: 'all', description: 'Which services this process runs, by name and separated by commas, or all.' }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
    default: 'info',
    description: 'From which level on lines are logged.',
  }),
});

export type ServerConfig = Static<typeof serverConfig>;

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

/**
 * Everything that this process was told, checked as a whole before anything starts.
 * @returns the process's own settings, and the environment with what the topology decides filled in, but for `withPublicUrl`.
 * @throws ConfigError with the problems of all of it together.
 */
export function readSettings(environment: Environment, services: readonly Configured[]): { config: ServerConfig; resolved: Environment } {
  const embedded = environment['DATABASE_URL'] === undefined;
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
  const config = attempt(() => loadConfig(serverConfig, resolved));
  // A command that runs no service sends no mail.
  const external = services.length === 0 ? { STOA_SECRET: stoaSecret } : { STOA_SECRET: stoaSecret, MAIL_URL: mailUrl };
  if (!embedded) attempt(() => loadConfig(Type.Object(external), resolved));
  const complete = withPublicUrl(resolved, config?.PORT ?? 0);
  for (const service of services)
    attempt(() => {
      const loaded = loadConfig(service.config, complete);
      service.checkConfig?.(loaded as never);
    });
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
  return { config: config as ServerConfig, resolved };
}

/** Where people reach this process, as long as nobody says otherwise: only once its port is known. */
export const withPublicUrl = (environment: Environment, port: number): Environment => ({
  PUBLIC_URL: `http://localhost:${port}`,
  ...environment,
});

/** The services that `SERVICES` names; `all` by default. */
export function chosenServices({ SERVICES }: ServerConfig, known: readonly string[]): readonly string[] {
  if (SERVICES === 'all') return known;
  const chosen = SERVICES.split(',').map((name) => name.trim());
  const unknown = chosen.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new StartProblem(
      `SERVICES=${SERVICES}: there is no service ${unknown.map((name) => `"${name}"`).join(', ')}.`,
      `Choose from ${known.join(', ')}, or all.`,
    );
  }
  if (!chosen.includes('gateway') && chosen.length > 1) {
    throw new StartProblem(
      'Several services in one process need the gateway in front of them.',
      `Use --services gateway,${chosen.join(',')}`,
    );
  }
  return chosen;
}
