import { type Deployed, deployed, entry, lines, secrets, services, type Workload, withDatabase } from './deployed.ts';

/** A pool of 10, and the connection that listens and leads (`createDatabase`). */
const CONNECTIONS_OF_A_PROCESS = 11;
const FOR_OTHERS = 15;

/** `docs/reference/deployment.md`: what operators plan by. */
export const deploymentTable = () => `# Deployment

Made by \`npm run reports\` from the definitions of the services. It is how \`deploy/kubernetes/base\` has it, before an overlay
changes it; with Compose one container does what the api and the worker of a service do.

## Processes

| name | copies | reserved for each | memory at most | note |
|---|---|---|---|---|
${lines(deployed.flatMap(({ workloads }) => workloads).map(processRow))}
## Connections of PostgreSQL

${connections()}

## Network access

Nothing else is open (\`network-policies.yaml\`). From outside only the gateway can be reached.

| from | services | stores | outside |
|---|---|---|---|
${lines(deployed.map(reachRow))}| \`migrate\` | | PostgreSQL | |

## Secrets

| name | contains | used by |
|---|---|---|
| \`stoa\` | \`STOA_SECRET\`, \`BROKER_URL\`, \`REDIS_URL\` | every process; of it migrations only \`STOA_SECRET\` |
${lines(secrets.map(({ owner, name, examples }) => `| \`${name}\` | ${list(Object.keys(examples))} | ${owner} |`))}\
| \`stoa-migrate\` | \`DATABASE_URL\` of an administrator | migrations |
`;

const list = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');

function processRow(workload: Workload): string {
  const { name, cpuMillis, memoryMiB, memoryLimitMiB, note } = workload;
  const { least, most } = boundsOf(workload);
  const copies = least === most ? `${least}` : `${least} to ${most}, by CPU`;
  return `| \`${name}\` | ${copies} | ${cpuMillis / 1_000} CPU, ${memoryMiB} MiB | ${memoryLimitMiB} MiB | ${note} |`;
}

function connections(): string {
  const workloads = withDatabase.flatMap((service) => service.workloads);
  const most = workloads.reduce((sum, workload) => sum + boundsOf(workload).most, 0);
  const processes = most + workloads.length;
  const needed = processes * CONNECTIONS_OF_A_PROCESS;
  return `Each process of ${new Intl.ListFormat('en').format(withDatabase.map(({ name }) => name))} has at most ${CONNECTIONS_OF_A_PROCESS}.
There are ${most} at most, and one more of each of the ${workloads.length} kinds during an update, which have ${needed} connections.
With ${FOR_OTHERS} for migrations and operators \`max_connections\` is at least **${needed + FOR_OTHERS}**.`;
}

const boundsOf = ({ copies }: Workload) => (typeof copies === 'number' ? { least: copies, most: copies } : copies);

function reachRow(from: Deployed): string {
  const callees = from === entry ? services.map(({ name }) => name) : from.callees;
  const stores = [...(from.hasDatabase ? ['PostgreSQL'] : []), 'Redis', 'RabbitMQ'].join(', ');
  const outside = from.outside ? `TCP ${from.outside.ports.join(', ')}. ${from.outside.purpose}` : '';
  return `| \`${from.name}\` | ${list(callees)} | ${stores} | ${outside} |`;
}
