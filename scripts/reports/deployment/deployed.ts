import { gateway } from '@stoa/gateway';
import { deploymentOf, type Processes, type ServiceDefinition } from '@stoa/service';
import { stringify } from 'yaml';
import { loadServices } from '../../../apps/server/src/services.ts';
import { serverConfig } from '../../../apps/server/src/settings.ts';

/** The service that every other one asks who has access. */
export const IDENTITY = 'users';

/** What is deployed of one service. */
export type Deployed = ReturnType<typeof describe>;

function describe(definition: Pick<ServiceDefinition<never>, 'name' | 'config' | 'migrations' | 'deployment'>) {
  const { name, config, migrations } = definition;
  const said = deploymentOf(definition);
  const { api, worker, calls } = said;
  const hasDatabase = migrations !== undefined;
  return {
    ...said,
    name,
    hasDatabase,
    /** Its own settings, without those that every process has. */
    variables: Object.keys(config.properties).filter((variable) => !(variable in serverConfig.properties)),
    /** The services that it reaches. */
    callees: [...new Set([IDENTITY, ...Object.keys(calls)])].filter((callee) => callee !== name),
    /** Without a database there is no work behind the answers. */
    workloads: hasDatabase
      ? [workload(`${name}-api`, 'api', api), workload(`${name}-worker`, 'worker', worker)]
      : [workload(name, 'api', api)],
  };
}

/** Processes that are the same, which Kubernetes calls a Deployment. */
export type Workload = ReturnType<typeof workload>;

const workload = (name: string, component: 'api' | 'worker', processes: Processes) => ({ name, component, ...processes });

export const entry = describe(gateway);
/** Those behind the gateway, in the order they start. */
export const services: readonly Deployed[] = (await loadServices()).map(describe);
export const deployed: readonly Deployed[] = [entry, ...services];
export const withDatabase = deployed.filter(({ hasDatabase }) => hasDatabase);
export const secrets = deployed.flatMap(({ name, secret }) => (secret === undefined ? [] : [{ owner: name, ...secret }]));

/** Begins each file that is made. */
export const MADE = 'Made by `npm run reports`, from the definitions of the services and scripts/reports/deployment.';

/** As a value in block style, quoted where it would mean something else. */
export const scalar = (value: string): string => stringify(value, { lineWidth: 0, singleQuote: true }).trimEnd();

export const lines = (values: readonly string[]): string => values.map((value) => `${value}\n`).join('');
