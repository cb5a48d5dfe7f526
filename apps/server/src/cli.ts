import { parseArgs } from 'node:util';
import { AppError, ConfigError, type Environment } from '@stoa/service';
import { serviceNames } from './services.ts';
import { StartProblem } from './start-problem.ts';

interface Command {
  readonly usage: string;
  readonly summary: string;
  /** Flags with a value, and the variable each stands for. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Names of the words that follow the command. */
  readonly words?: readonly string[];
  /** Flags that stand for no variable. */
  readonly options?: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>;
  run(environment: Environment, words: readonly string[], options: Readonly<Record<string, unknown>>): Promise<void>;
}

const dataFlag = { data: 'DATA_DIR' };

/** Each command's code is loaded only when it runs. */
const commands: Readonly<Record<string, Command>> = {
  start: {
    usage:
      'stoa start [--port N] [--host ADDRESS] [--data DIR] [--services users,mailer,…] [--role all|api|worker]   (by npm: npm start -- --port N)',
    summary: 'start the services and their gateway',
    flags: { ...dataFlag, port: 'PORT', host: 'HOST', services: 'SERVICES', role: 'ROLE' },
    run: async (environment) => (await import('./commands/start.ts')).start(environment),
  },
  migrate: {
    usage: 'stoa migrate [--services users,mailer,…]',
    summary: 'make the databases and roles at DATABASE_URL and bring their tables up to date',
    flags: { services: 'SERVICES' },
    run: async (environment) => (await import('./commands/migrate.ts')).migrateAll(environment),
  },
  doctor: {
    usage: 'stoa doctor [--services users,mailer,…] [--data DIR]',
    summary: 'check databases, broker, Redis and the services elsewhere, and report what is wrong and how to fix it',
    flags: { ...dataFlag, services: 'SERVICES' },
    run: async (environment) => (await import('./commands/doctor.ts')).doctor(environment),
  },
  'dead-letters': {
    usage: 'stoa dead-letters list|show|replay [ID] [--service NAME] [--type TYPE] [--consumer NAME] [--rate N] [--data DIR]',
    summary: 'show the messages that could not be processed, or replay them, N per second (50)',
    flags: { ...dataFlag, service: 'SERVICES' },
    words: ['list|show|replay', 'ID'],
    options: { type: { type: 'string' }, consumer: { type: 'string' }, rate: { type: 'string' } },
    run: async (environment, words, options) => (await import('./commands/dead-letters.ts')).deadLetters(environment, words, options),
  },
  jobs: {
    usage: 'stoa jobs list|run [SERVICE.JOB] [--data DIR]',
    summary: 'list the scheduled jobs, or run one now',
    flags: { ...dataFlag, service: 'SERVICES' },
    words: ['list|run', 'SERVICE.JOB'],
    run: async (environment, words) => (await import('./commands/jobs.ts')).jobs(environment, words),
  },
  outbox: {
    usage: 'stoa outbox resend --since TIME [--service NAME] [--subscriber NAME] [--rate N] [--data DIR]',
    summary: 'send the events since a time once more, N per second (500): after a loss in a broker or a database (docs/operations.md)',
    flags: { ...dataFlag, service: 'SERVICES' },
    words: ['resend'],
    options: { since: { type: 'string' }, subscriber: { type: 'string' }, rate: { type: 'string' } },
    run: async (environment, words, options) => (await import('./commands/outbox.ts')).outbox(environment, words, options),
  },
  admin: {
    usage: 'stoa admin create|unprotect --email ADDRESS [--password-stdin] [--data DIR]',
    summary: 'create a protected administrator, with the password in STOA_ADMIN_PASSWORD or a link to set one; or remove the protection',
    flags: dataFlag,
    words: ['create|unprotect'],
    options: { email: { type: 'string' }, 'password-stdin': { type: 'boolean' } },
    run: async (environment, words, options) => (await import('./commands/admin.ts')).admin(environment, words, options),
  },
  keys: {
    usage: 'stoa keys rotate [--data DIR]',
    summary: 'rotate the key that signs the access tokens; nobody is logged out',
    flags: dataFlag,
    words: ['rotate'],
    run: async (environment, words) => (await import('./commands/keys.ts')).keys(environment, words),
  },
  users: {
    usage: 'stoa users import FILE|- [--data DIR]',
    summary: 'import accounts of another system with the hashes of their passwords, one JSON object per line (docs/importing-users.md)',
    flags: dataFlag,
    words: ['import', 'FILE|-'],
    run: async (environment, words) => (await import('./commands/users-import.ts')).importUsers(environment, words),
  },
  seed: {
    usage: 'stoa seed --users N [--OTHER-SERVICE N …] [--data DIR]',
    summary: 'add made-up accounts, and other test data of a service, to try the system at scale',
    flags: dataFlag,
    options: Object.fromEntries(serviceNames.map((name) => [name, { type: 'string' }])),
    run: async (environment, _words, options) => (await import('./commands/seed.ts')).seed(environment, options),
  },
  secret: {
    usage: 'stoa secret',
    summary: 'print a new STOA_SECRET',
    run: async () => (await import('./commands/secret.ts')).printSecret(),
  },
  openapi: {
    usage: 'stoa openapi',
    summary: 'print the OpenAPI document of all services',
    run: async () => (await import('./commands/documents.ts')).printOpenApi(),
  },
  asyncapi: {
    usage: 'stoa asyncapi',
    summary: 'print the AsyncAPI document of all events',
    run: async () => (await import('./commands/documents.ts')).printAsyncApi(),
  },
};

export async function runCli(argv: readonly string[]): Promise<void> {
  try {
    await dispatch(argv);
  } catch (error) {
    process.exitCode = await report(error);
  }
}

async function dispatch([name, ...rest]: readonly string[]) {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return help();
  const command = commands[name];
  if (command === undefined) throw new StartProblem(`There is no command "${name}".`, `Known are ${Object.keys(commands).join(', ')}.`, 64);
  const { readEnvironment } = await import('./settings.ts');
  const { flags, words, options, wantsHelp } = parse(command, rest);
  if (wantsHelp) return console.log(`${command.usage}\n  ${command.summary}`);
  await command.run(readEnvironment(flags), words, options);
}

function parse(command: Command, argv: string[]) {
  const flags = command.flags ?? {};
  const valued = Object.fromEntries(Object.keys(flags).map((flag) => [flag, { type: 'string' as const }]));
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      options: { ...valued, ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
    if (positionals.length > (command.words?.length ?? 0)) throw new Error(`"${positionals.at(-1)}" is one word too many`);
    const environment = Object.entries(flags).map(([flag, variable]) => [variable, (values as Record<string, unknown>)[flag]]);
    const options = Object.fromEntries(Object.entries(values).filter(([name]) => name in (command.options ?? {})));
    return { flags: Object.fromEntries(environment) as Environment, words: positionals, options, wantsHelp: values.help === true };
  } catch (error) {
    const cause = (error as Error).message.split('. ')[0];
    throw new StartProblem(`${cause}.`, `Usage: ${command.usage}`, 64);
  }
}

function help() {
  const lines = Object.values(commands).map(({ usage, summary }) => `  ${usage}\n      ${summary}`);
  console.log(`Stoa\n\n${lines.join('\n')}\n\nEvery setting is a variable, in the environment or in .env: see .env.example.`);
}

/** Refused or unreachable connections, wrong passwords, missing databases (SQLSTATE classes 08, 28, 3D, 53, 57). */
const isDatabaseAway = (error: unknown) =>
  (error instanceof AppError && error.code === 'database_unavailable') ||
  /^(ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|08|28|3D|53|57)/.test(String((error as { code?: unknown } | undefined)?.code));

/** One line of cause, one of fix. Only unexpected errors show their stack. */
async function report(error: unknown): Promise<number> {
  if (error instanceof StartProblem) {
    console.error(`stoa: ${error.message}\nFix: ${error.fix}`);
    return error.exitCode;
  }
  if (error instanceof ConfigError) {
    console.error(`stoa: ${error.problems.length === 1 ? 'one setting is' : `${error.problems.length} settings are`} not right.`);
    for (const line of error.message.split('\n')) console.error(`  ${line}`);
    console.error('Fix: set them as a flag, in the environment or in .env; .env.example shows all of them.');
    return 78;
  }
  if (isDatabaseAway(error)) {
    console.error(`stoa: the database cannot be used: ${(error as Error).message}.`);
    console.error('Fix: check DATABASE_URL, and that the server runs and accepts this user.');
    return 69;
  }
  const { MigrationError } = await import('@stoa/postgres');
  if (error instanceof MigrationError) {
    console.error(`stoa: ${error.message}.`);
    console.error('Fix: that file does not count as applied; mend it, or restore the version of Stoa that fits this database.');
    return 70;
  }
  // The stack alone: the other fields of an error may hold secrets.
  console.error(error instanceof Error ? error.stack : error);
  return 1;
}
