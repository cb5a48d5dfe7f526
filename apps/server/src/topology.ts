import type { Environment } from '@stoa/service';
import { GATEWAY, serviceNames } from './services.ts';
import { LOCAL, placeVariable, portVariable, type Settings } from './settings.ts';
import { StartProblem } from './start-problem.ts';

/** What this process is within the system: what it runs, and where the rest is. */
export interface Topology {
  /** Whether the gateway is here, in front of what is here. */
  readonly hasGateway: boolean;
  /** The services behind the gateway that are here, in the order they start. */
  readonly here: readonly string[];
  /** The ports of the services that are not behind the front of this process. */
  readonly ports: ReadonlyMap<string, number>;
  /** The services that run in other processes, and the addresses of their copies. */
  readonly elsewhere: ReadonlyMap<string, readonly string[]>;
  /** Whether this process relays, handles and sends, or only answers. */
  readonly runsBackgroundWork: boolean;
  readonly brokerUrl: string;
  readonly brokerPrefix: string;
  readonly redisUrl: string | undefined;
  readonly drainMs: number;
}

/** Where a service listens by default: the port of a container, under the service's name. */
const DEFAULT_PORT = 3000;
const DRAIN_MS = 3_000;

/** @throws StartProblem for what cannot work together. */
export function topologyOf({ config, resolved, embedded }: Settings, chosen: readonly string[]): Topology {
  const { ROLE, BROKER_URL: brokerUrl, BROKER_PREFIX: brokerPrefix, REDIS_URL: redisUrl, DRAIN_MS: drainMs } = config;
  const isAlone = brokerUrl === LOCAL;
  if (embedded && ROLE !== 'all') {
    throw new StartProblem(
      `ROLE=${ROLE} with the embedded Postgres: no other process could do the rest.`,
      'Leave ROLE out, or give DATABASE_URL.',
      78,
    );
  }
  const here = serviceNames.filter((name) => chosen.includes(name));
  const hasGateway = chosen.includes(GATEWAY);
  return {
    hasGateway,
    here,
    ports: portsOf(resolved, hasGateway ? here : here.slice(1), hasGateway),
    elsewhere: (isAlone ? nowhere : placesOf)(
      resolved,
      serviceNames.filter((name) => !chosen.includes(name)),
    ),
    runsBackgroundWork: ROLE !== 'api',
    brokerUrl,
    brokerPrefix,
    redisUrl,
    drainMs: drainMs ?? (isAlone ? 0 : DRAIN_MS),
  };
}

/** Behind a gateway of the same process a service needs no port; without one it has PORT or its own. */
function portsOf(environment: Environment, names: readonly string[], hasGateway: boolean): ReadonlyMap<string, number> {
  const missing = names.filter((name) => environment[portVariable(name)] === undefined);
  if (!hasGateway && missing.length > 0) {
    const name = missing[0] as string;
    throw new StartProblem(
      `Without the gateway in its process ${name} needs a port of its own.`,
      `Give it one, ${portVariable(name)}=3001, or include the gateway: --services gateway,…`,
      78,
    );
  }
  return new Map(names.filter((name) => !missing.includes(name)).map((name) => [name, Number(environment[portVariable(name)])]));
}

/** With a bus between processes, every service that is not here runs elsewhere. */
const placesOf = (environment: Environment, names: readonly string[]): ReadonlyMap<string, readonly string[]> =>
  new Map(names.map((name) => [name, (environment[placeVariable(name)] ?? `http://${name}:${DEFAULT_PORT}`).split(',')]));

/** Without one they do not run: requests could reach them in other processes, but no event could. */
function nowhere(environment: Environment, names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const named = names.find((name) => environment[placeVariable(name)] !== undefined);
  if (named === undefined) return new Map();
  throw new StartProblem(
    `${placeVariable(named)} with BROKER_URL=${LOCAL} — no event would pass between this process and ${named}: mails would not leave, and cached answers would not be invalidated.`,
    `Give all processes the same BROKER_URL=amqp://…, or leave ${placeVariable(named)} out.`,
    78,
  );
}
