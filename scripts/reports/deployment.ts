import { composeFile, composeForTests } from './deployment/compose.ts';
import { deployed } from './deployment/deployed.ts';
import { deploymentTable } from './deployment/deployment-table.ts';
import { networkPolicies } from './deployment/network-policies.ts';
import { serviceManifest } from './deployment/service-manifest.ts';
import { baseKustomization, configMap, exampleKustomization, exampleSecrets, migrations } from './deployment/shared-manifests.ts';

const base = 'deploy/kubernetes/base';
const example = 'deploy/kubernetes/overlays/example';

/** What deploys the system, from the list of services and what each says of itself. Path → content. */
export const deploymentFiles = (): [string, string][] => [
  ['deploy/compose.yaml', composeFile()],
  ['test/containers/compose.e2e.yaml', composeForTests()],
  ...deployed.map((service): [string, string] => [`${base}/${service.name}.yaml`, serviceManifest(service)]),
  [`${base}/config.yaml`, configMap()],
  [`${base}/migrate.yaml`, migrations()],
  [`${base}/network-policies.yaml`, networkPolicies()],
  [`${base}/kustomization.yaml`, baseKustomization()],
  [`${example}/kustomization.yaml`, exampleKustomization()],
  [`${example}/secrets.example.yaml`, exampleSecrets()],
  ['docs/reference/deployment.md', deploymentTable()],
];
