import type { FastifyInstance } from 'fastify';
import type { Static, TObject } from 'typebox';
import type { Deployment } from './deployment.ts';

/** How one part of a service is: the database, the broker, the relay. A part that is not `ok` says why in `detail`. */
export interface HealthPart {
  readonly name: string;
  readonly ok: boolean;
  readonly detail?: string;
  /** Works behind the answers, as the relay does: shown, but requests are served without it. */
  readonly background?: true;
}

/**
 * One bounded context at run time. It never reads the environment, opens a port or installs a signal handler;
 * `apps/server` does, and calls `start` before the first request and `stop` after the last one.
 */
export interface Service {
  readonly name: string;
  /** Every route of the service. The gateway hands requests to it, or `apps/server` listens with it. */
  readonly http: FastifyInstance;
  /** Begins background work: consumers, relay, jobs. */
  start(): Promise<void>;
  /** Ends background work, finishing what is in progress. */
  stop(): Promise<void>;
  health(): Promise<readonly HealthPart[]>;
}

/** What `apps/server` must know of a service before it can create one. `Deps` is what it hands over. */
export interface ServiceDefinition<Deps, Config extends TObject = TObject> {
  readonly name: string;
  /** The service's variables; see `loadConfig`. */
  readonly config: Config;
  /** Rules over several variables. @throws ConfigError */
  checkConfig?(config: Static<Config>): void;
  /** The permissions that its routes require, such as `notes:write`: a role or an API key may have them. */
  readonly permissions?: readonly string[];
  /** The service's folder of `.sql` migrations; absent when it has no database. */
  readonly migrations?: URL;
  /** What is different of its deployment from that of a flat service. */
  readonly deployment?: Deployment;
  /** Of packages that keep tables in its database, as the event store does: they run before its own. */
  readonly packageMigrations?: readonly { readonly name: string; readonly directory: URL }[];
  create(deps: Deps): Service | Promise<Service>;
  /** Adds made-up data, to try the system with a lot of it: `stoa seed --<name> N`. @returns what to report. */
  seed?(deps: Pick<Deps, CommandDeps & keyof Deps>, seeding: Seeding): Promise<string>;
}

/** What there is of a service's dependencies where it does not run. */
type CommandDeps = 'config' | 'database' | 'log' | 'clock' | 'derive';

export interface Seeding {
  readonly count: number;
  onProgress(done: number): void;
}
