import type { Import, Module } from './module.ts';

/**
 * The boundaries of the system, from docs/architecture.md. Each rule has a fixture of its name in test/architecture/fixtures that
 * breaks it. Test code is free to look inside, but not to tie services together.
 */
export interface Rule {
  readonly name: string;
  readonly says: string;
  /** Whether test code has to keep it too. */
  readonly inTests?: true;
  /** Whether this import breaks the rule. */
  forbidsImport?(module: Module, imported: Import): boolean;
  /** Whether this use of `process`, this opening of a port, or this parameter for each value breaks the rule. */
  forbidsUse?(module: Module, what: string): boolean;
}

/** A package imports only those before it, which are these. */
const packagesBefore: Readonly<Record<string, readonly string[]>> = {
  service: [],
  postgres: ['service'],
  messaging: ['service', 'postgres'],
  http: ['service', 'postgres', 'messaging'],
  redis: ['service', 'http'],
  auth: ['service', 'postgres', 'messaging', 'http'],
  tasks: ['service', 'postgres', 'messaging'],
  kit: ['service', 'postgres', 'messaging', 'http', 'redis', 'auth', 'tasks'],
  'event-store': ['service', 'postgres'],
  money: [],
  search: [],
};
const testLibraries = ['vitest', 'fast-check', 'playwright-core'];
/** Libraries, and modules of ours, that only compute. */
const pureLibraries = ['libphonenumber-js', 'packages/service/src/email-address', 'packages/service/src/text'];
/** Files that run a server program or a loopback server as a part of their own work. */
const ownServers = ['packages/postgres/src/embedded/', 'services/mailer/src/mailbox/smtp-mailbox.ts'];
const processMembers = [
  'process',
  ...['env', 'argv', 'on', 'once', 'addListener', 'exit', 'exitCode', 'chdir', '?'].map((name) => `process.${name}`),
];
const serverConstructors = ['createServer', 'createSecureServer', 'createSocket', 'Server', 'SMTPServer'];

const isOutside = (target: string) => !/^(apps|contracts|packages|services|test|scripts|bench)\//.test(target);
const isLibrary = (target: string, names: readonly string[]) => names.some((name) => target === name || target.startsWith(`${name}/`));
const isUnder = (path: string, folder: string) => path.startsWith(`${folder}/`);
const layerOf = ({ part }: Module, path: string) =>
  isUnder(path, `${part}/src`) ? path.slice(`${part}/src/`.length).split('/')[0] : undefined;
const isServer = ({ part }: Module) => part === 'apps/server';

export const rules: readonly Rule[] = [
  {
    name: 'packages-in-order',
    says: 'a package imports only those that docs/architecture.md puts before it, never contracts, a service or an app',
    inTests: true,
    forbidsImport: ({ part }, { target }) => {
      if (!part.startsWith('packages/') || isOutside(target) || isUnder(target, part)) return false;
      return !packagesBefore[part.slice('packages/'.length)]?.some((other) => isUnder(target, `packages/${other}`));
    },
  },
  {
    name: 'contracts-stand-alone',
    says: 'contracts import nothing but typebox',
    forbidsImport: ({ part }, { target }) => part === 'contracts' && !isUnder(target, part) && !isLibrary(target, ['typebox']),
  },
  {
    name: 'services-apart',
    says: 'a service imports no other service and no app: it publishes events, or asks through locate',
    inTests: true,
    forbidsImport: ({ part }, { target }) => isUnder(part, 'services') && /^(services|apps)\//.test(target) && !isUnder(target, part),
  },
  {
    name: 'domain-is-pure',
    says: 'a domain imports nothing outside itself but what only computes',
    forbidsImport: (module, { target }) =>
      layerOf(module, module.path) === 'domain' && layerOf(module, target) !== 'domain' && !isLibrary(target, pureLibraries),
  },
  {
    name: 'application-knows-ports-only',
    says: 'application imports domain, application, contracts, @stoa/service, and only types of the other packages',
    forbidsImport: (module, { target, typeOnly }) => {
      if (layerOf(module, module.path) !== 'application') return false;
      if (isUnder(target, module.part))
        return ['infrastructure', 'presentation', 'wiring', 'index.ts'].includes(layerOf(module, target) ?? '');
      return !/^(contracts|packages\/service)\//.test(target) && !(typeOnly && isUnder(target, 'packages'));
    },
  },
  {
    name: 'presentation-without-infrastructure',
    says: 'presentation does not import infrastructure, nor infrastructure presentation',
    forbidsImport: (module, { target }) => {
      const layers = [layerOf(module, module.path), layerOf(module, target)];
      return layers.includes('presentation') && layers.includes('infrastructure');
    },
  },
  {
    name: 'index-wires',
    says: 'only index.ts and wiring/ tie the layers of a service together',
    forbidsImport: (module, { target }) => {
      const layer = layerOf(module, module.path) ?? '';
      if (['presentation', 'infrastructure'].includes(layer)) return layerOf(module, target) === 'wiring';
      return layer.endsWith('.ts') && layer !== 'index.ts' && ['infrastructure', 'presentation'].includes(layerOf(module, target) ?? '');
    },
  },
  {
    name: 'process-belongs-to-the-server',
    says: 'only apps/server reads the environment and arguments, handles signals and ends the process',
    forbidsImport: (module, { target }) => !isServer(module) && /^(node:)?process$/.test(target),
    forbidsUse: (module, what) =>
      !isServer(module) && processMembers.includes(what) && !ownServers.some((path) => module.path.startsWith(path)),
  },
  {
    name: 'ports-belong-to-the-server',
    says: 'only apps/server opens a port',
    forbidsImport: (module, { names }) =>
      !isServer(module) &&
      names.some((name) => serverConstructors.includes(name)) &&
      !ownServers.some((path) => module.path.startsWith(path)),
    forbidsUse: (module, what) => !isServer(module) && what === 'listen' && !ownServers.some((path) => module.path.startsWith(path)),
  },
  {
    name: 'no-parameter-per-value',
    says: 'any number of values is one parameter of a statement: an array with anyOf or unnest, or json_populate_recordset',
    forbidsUse: (_, what) => ['in', 'values', 'sql.join'].includes(what),
  },
  {
    name: 'one-statement-at-a-time',
    says: 'the statements of a transaction are awaited one by one: when one of several fails, the others go on',
    forbidsUse: (_, what) => what === 'Promise.all on tx',
  },
  {
    name: 'no-notify-in-statements',
    says: 'others are notified by database.notify after the commit: NOTIFY in a transaction makes the commits of all databases wait',
    forbidsUse: ({ part }, what) => what === 'pg_notify' && part !== 'packages/postgres',
  },
  {
    name: 'no-test-code-in-production',
    says: 'production code imports no tests, their libraries or their tools',
    forbidsImport: (_, { target }) =>
      isLibrary(target, testLibraries) || /\.test\.ts$|-contract\.ts$|(^|\/)testing(\/|\.ts$|$)|^(test|bench|scripts)\//.test(target),
  },
  {
    name: 'no-deep-imports',
    says: 'another package is imported by its name and by what it exports',
    inTests: true,
    forbidsImport: ({ part }, { specifier, target }) =>
      /^@stoa\/[^/]+\/src(\/|$)/.test(specifier) || (specifier.startsWith('.') && !isOutside(target) && !isUnder(target, part)),
  },
];
