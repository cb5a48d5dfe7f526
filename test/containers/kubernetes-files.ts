import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { deploy } from './compose-file.ts';

export const kubernetes = join(deploy, 'kubernetes');
export type Labels = Readonly<Record<string, string>>;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly timeoutSeconds: number;
}
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly env?: readonly EnvironmentVariable[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly resources: { readonly requests: Labels; readonly limits: Labels };
  readonly securityContext: object;
}
interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
}
export interface Pod {
  readonly metadata: { readonly labels: Labels };
  readonly spec: {
    readonly automountServiceAccountToken: boolean;
    readonly enableServiceLinks: boolean;
    readonly terminationGracePeriodSeconds?: number;
    readonly securityContext: object;
    readonly containers: readonly [Container];
  };
}
/** What selects pods: by labels, or by one label out of several values. */
export interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: 'In'; readonly values: readonly string[] }[];
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
}
interface Rule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: number }[];
}
/** The parts of all kinds that the tests read; which of them a kind has is defined by Kubernetes. */
export interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Labels };
  readonly data?: Labels;
  readonly stringData?: Labels;
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: Selector & Labels;
    readonly template?: Pod;
    readonly clusterIP?: string;
    readonly ports?: readonly { readonly port: number; readonly targetPort: string }[];
    readonly scaleTargetRef?: { readonly kind: string; readonly name: string };
    readonly podSelector?: Selector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly Rule[];
    readonly rules?: readonly { readonly http: { readonly paths: readonly { readonly backend: Backend }[] } }[];
  };
}
interface Backend {
  readonly service: { readonly name: string; readonly port: { readonly name: string } };
}
export interface Kustomization {
  readonly resources: readonly string[];
  readonly images?: readonly { readonly name: string }[];
  readonly patches?: readonly { readonly path: string }[];
}

export async function readResources(file: string): Promise<Resource[]> {
  const documents = parseAllDocuments(await readFile(join(kubernetes, file), 'utf8'));
  for (const { errors } of documents) if (errors[0]) throw errors[0];
  return documents.map((document) => document.toJS() as Resource);
}

export const readKustomization = async (folder: string): Promise<Kustomization> =>
  parse(await readFile(join(kubernetes, folder, 'kustomization.yaml'), 'utf8')) as Kustomization;

/** The resources that a folder's kustomization brings, those of the folders below it too. */
export async function resourcesOf(folder: string): Promise<Resource[]> {
  const { resources } = await readKustomization(folder);
  const all = resources.map((name) => (name.endsWith('.yaml') ? readResources(join(folder, name)) : resourcesOf(join(folder, name))));
  return (await Promise.all(all)).flat();
}

/** All folders with a kustomization, and their other files. */
export async function foldersOf(): Promise<ReadonlyMap<string, readonly string[]>> {
  const files = (await readdir(kubernetes, { recursive: true })).filter((file) => file.endsWith('.yaml'));
  const folders = files.filter((file) => file.endsWith('kustomization.yaml')).map(dirname);
  return new Map(
    folders.map((folder) => [folder, files.filter((file) => dirname(file) === folder).map((file) => file.slice(folder.length + 1))]),
  );
}

export function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''))
  );
}
