/**
 * How a service is deployed, declared by itself: `deployment` in its definition. `npm run reports` writes the files in `deploy/` from it.
 * What is left out suits a flat service, which needs its database, RabbitMQ and Redis and calls nobody.
 */
export interface Deployment {
  /** What answers requests. */
  readonly api?: Partial<Processes>;
  /** What relays, handles messages and jobs. A service without a database has none. */
  readonly worker?: Partial<Processes>;
  /** The services that it calls, each with what it asks for; besides users, which every service asks who has access. */
  readonly calls?: Readonly<Record<string, string>>;
  /** TCP ports of servers outside, with a sentence that says what for. */
  readonly outside?: { readonly ports: readonly number[]; readonly purpose: string };
  /** Its variables for which Compose has a value where nobody gives one, when a start would fail without. */
  readonly composeDefaults?: Readonly<Record<string, string>>;
  /** Its variables in the ConfigMap of the cluster, for an overlay to change. */
  readonly configMap?: Readonly<Record<string, string>>;
  /** The Secret of the cluster that only its processes have: each variable with an example. */
  readonly secret?: { readonly name: string; readonly examples: Readonly<Record<string, string>> };
}

/** The processes of a service that do the same. */
export interface Processes {
  /** Always as many; or between two numbers, by the load of their CPUs. */
  readonly copies: number | { readonly least: number; readonly most: number };
  /** What is set aside for each, in thousandths of a CPU. It may use more. */
  readonly cpuMillis: number;
  /** What is set aside for each. */
  readonly memoryMiB: number;
  /** With more than this it is killed. */
  readonly memoryLimitMiB: number;
  /** For operators: goes on after the name of the processes, as "answers requests." does. */
  readonly note: string;
}

const memory = { memoryMiB: 192, memoryLimitMiB: 512 };
const api: Processes = {
  ...memory,
  copies: { least: 2, most: 10 },
  cpuMillis: 500,
  note: 'answers requests and grows with the load.',
};
const worker: Processes = {
  ...memory,
  copies: 2,
  cpuMillis: 100,
  note: 'relays and handles. Two, as one does while the other is replaced.',
};

/** What a definition says of its deployment, with the defaults for what it leaves out. */
export function deploymentOf({ deployment = {} }: { readonly deployment?: Deployment }) {
  const { calls = {}, composeDefaults = {}, configMap = {} } = deployment;
  return {
    ...deployment,
    calls,
    composeDefaults,
    configMap,
    api: { ...api, ...deployment.api },
    worker: { ...worker, ...deployment.worker },
  };
}
