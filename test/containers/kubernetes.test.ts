import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Container,
  foldersOf,
  type Labels,
  type Pod,
  type Resource,
  readKustomization,
  readResources,
  resourcesOf,
  selects,
} from './kubernetes-files.ts';
import { checkSettings, deployed, longestStopMs, saidBy, settingsOf } from './settings-of.ts';

const OVERLAY = 'overlays/example';
const PORT = 3000;
const NAME = 'app.kubernetes.io/name';
const COMPONENT = 'app.kubernetes.io/component';
const databases = deployed.filter((name) => name !== 'gateway');

let all: Resource[];
let secrets: Resource[];
let configuration: Labels;
beforeAll(async () => {
  all = await resourcesOf(OVERLAY);
  secrets = await readResources(`${OVERLAY}/secrets.example.yaml`);
  const [patch] = await readResources(`${OVERLAY}/config.yaml`);
  configuration = { ...named('ConfigMap', 'stoa').data, ...patch?.data };
});
const ofKind = (kind: string) => all.filter((each) => each.kind === kind);
function named(kind: string, name: string): Resource {
  const found = ofKind(kind).find((each) => each.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}
const podOf = ({ spec }: Resource) => spec.template as Pod;
const containerOf = (workload: Resource): Container => podOf(workload).spec.containers[0];
const serviceOf = (workload: Resource) => containerOf(workload).image.replace('stoa-', '');
const workloads = () => [...ofKind('Deployment'), ...ofKind('Job')];
const pods = () => workloads().map(podOf);
const labelsOf = ({ metadata }: Pod) => metadata.labels;

/** What the process would find in its environment. A secret stands for itself, unless the example gives a form. */
function environmentOf(container: Container): Record<string, string> {
  const own = (container.env ?? []).map(({ name, value, valueFrom }) => {
    const ref = valueFrom?.secretKeyRef;
    const secret = secrets.find(({ metadata }) => metadata.name === ref?.name)?.stringData ?? {};
    if (ref !== undefined && !(ref.key in secret)) throw new Error(`no secret ${ref.name} with ${ref.key}`);
    return [name, value ?? (secret[ref?.key ?? ''] || Buffer.alloc(32).toString('base64'))];
  });
  for (const { configMapRef } of container.envFrom ?? []) expect(configMapRef.name).toBe('stoa');
  return { ...(container.envFrom ? configuration : {}), ...Object.fromEntries(own) };
}

describe('the manifests', () => {
  test('every file belongs to a kustomization, and every file that one names is there', async () => {
    const folders = await foldersOf();
    expect([...folders.keys()].sort()).toEqual(['base', OVERLAY]);
    for (const [folder, files] of folders) {
      const { resources, patches = [] } = await readKustomization(folder);
      const used = [...resources.filter((name) => name.endsWith('.yaml')), ...patches.map(({ path }) => path), 'kustomization.yaml'];
      expect(files.filter((file) => !file.endsWith('.example.yaml')).toSorted()).toEqual(used.sort());
    }
    const images = (await readKustomization(OVERLAY)).images?.map(({ name }) => name);
    expect(images?.sort()).toEqual([...new Set(workloads().map((each) => containerOf(each).image))].sort());
  });

  test('no resource is there twice', () => {
    const names = all.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names.toSorted()).toEqual([...new Set(names)].sort());
  });

  test('every service has an api and a worker, a name that finds the api, and a migration', () => {
    for (const service of databases) {
      for (const role of ['api', 'worker']) {
        expect(environmentOf(containerOf(named('Deployment', `${service}-${role}`)))).toMatchObject({ ROLE: role });
      }
      expect(named('Service', service).spec).toMatchObject({ clusterIP: 'None', selector: { [NAME]: service, [COMPONENT]: 'api' } });
      expect(containerOf(named('Job', `${service}-migrate`))).toMatchObject({ image: `stoa-${service}`, args: ['migrate'] });
    }
    expect(ofKind('Deployment').map(serviceOf).sort()).toEqual([...databases, ...deployed].sort());
    expect(ofKind('Job')).toHaveLength(databases.length);
    expect(
      ofKind('Service')
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual([...deployed].sort());
  });

  test('each process gets only settings that it knows and accepts, and secrets only from a Secret', async () => {
    for (const workload of workloads()) {
      const [service, container] = [serviceOf(workload), containerOf(workload)];
      const known = await settingsOf(service);
      for (const { name, valueFrom } of container.env ?? []) {
        expect(known.has(name), `${service}: ${name}`).toBe(true);
        if (known.get(name)?.secret) expect(valueFrom?.secretKeyRef.name, `${service}: ${name}`).toMatch(/^stoa/);
      }
      if (workload.kind === 'Deployment') await checkSettings(service, { ...environmentOf(container), SERVICES: service });
    }
    const knowing = await Promise.all(deployed.map(settingsOf));
    const patches = await readResources(`${OVERLAY}/config.yaml`);
    for (const [name, value] of [named('ConfigMap', 'stoa'), ...patches].flatMap(({ data }) => Object.entries(data ?? {}))) {
      expect(
        knowing.some((known) => known.has(name)),
        name,
      ).toBe(true);
      if (name.endsWith('_URL')) expect(new URL(value).password, name).toBe('');
    }
  });

  test('only a migration has the database administrator, and no service the secret of another', async () => {
    for (const workload of workloads()) {
      const used = (containerOf(workload).env ?? []).flatMap(({ valueFrom }) => valueFrom?.secretKeyRef.name ?? []);
      const { secret } = await saidBy(serviceOf(workload));
      const own = workload.kind === 'Job' ? ['stoa-migrate'] : secret ? [secret.name] : [];
      expect([...new Set(used)].sort(), workload.metadata.name).toEqual(['stoa', ...own]);
    }
    const owned = (await Promise.all(deployed.map(saidBy))).flatMap(({ secret }) => (secret ? [secret.name] : []));
    expect(owned).toEqual([...new Set(owned)]);
    expect((await saidBy('mailer')).secret?.name).toBe('stoa-mail');
  });

  test('each process runs as an unprivileged user, on files that it cannot change, with resource limits', () => {
    for (const pod of pods()) {
      expect(pod.spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(pod.spec.containers).toHaveLength(1);
      expect(pod.spec.containers[0]).toMatchObject({
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        resources: { requests: { cpu: expect.any(String), memory: expect.any(String) }, limits: { memory: expect.any(String) } },
      });
    }
  });

  test('each process has health probes, and the time to stop', () => {
    for (const workload of ofKind('Deployment')) {
      const { startupProbe, livenessProbe, readinessProbe, lifecycle, ports } = containerOf(workload);
      expect(ports).toEqual([{ name: 'http', containerPort: PORT }]);
      const live = { httpGet: { path: '/health/live', port: 'http' } };
      expect([startupProbe, livenessProbe]).toMatchObject([live, live]);
      // Each part of a health check has 5 s to answer.
      expect(readinessProbe).toMatchObject({ httpGet: { path: '/health/ready', port: 'http' }, timeoutSeconds: 6 });
      const [program, seconds] = lifecycle?.preStop.exec.command ?? [];
      expect(program).toBe('sleep');
      expect(podOf(workload).spec.terminationGracePeriodSeconds).toBeGreaterThan(Number(seconds) + longestStopMs() / 1_000);
    }
  });

  test('every selector finds its pods, and every reference its target', () => {
    for (const { metadata, spec } of ofKind('Deployment')) {
      const { labels } = (spec.template as Pod).metadata;
      expect(selects(spec.selector ?? {}, labels), metadata.name).toBe(true);
      expect(
        pods().filter((pod) => selects(spec.selector ?? {}, labelsOf(pod))),
        metadata.name,
      ).toHaveLength(1);
      const budgets = ofKind('PodDisruptionBudget').filter(({ spec: budget }) => selects(budget.selector ?? {}, labels));
      expect(budgets, metadata.name).toHaveLength(1);
    }
    for (const { metadata, spec } of ofKind('Service')) {
      const found = pods().filter((pod) => selects({ matchLabels: spec.selector as Labels }, labelsOf(pod)));
      expect(found, metadata.name).toHaveLength(1);
      expect(spec.ports).toEqual([{ name: 'http', port: PORT, targetPort: 'http' }]);
    }
    for (const { metadata, spec } of ofKind('HorizontalPodAutoscaler')) {
      const { kind, name } = spec.scaleTargetRef ?? { kind: '', name: '' };
      // A deployment that an autoscaler scales must not be reset by each apply.
      expect(named(kind, name).spec.replicas, metadata.name).toBeUndefined();
    }
    for (const { spec } of ofKind('Ingress')) {
      for (const { backend } of (spec.rules ?? []).flatMap(({ http }) => http.paths)) {
        expect([named('Service', backend.service.name).kind, backend.service.port.name]).toEqual(['Service', 'http']);
      }
    }
  });

  test('only the connections that the system needs are allowed', async () => {
    const policies = ofKind('NetworkPolicy');
    expect(named('NetworkPolicy', 'default-deny').spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    const pod = (name: string) => ({ [NAME]: name, 'app.kubernetes.io/part-of': 'stoa' });
    const opens = (side: 'ingress' | 'egress', self: string, other: string, port: number) =>
      policies
        .filter(({ spec }) => selects(spec.podSelector ?? {}, pod(self)))
        .flatMap(({ spec }) => spec[side] ?? [])
        .some(({ from, to, ports }) => {
          const peers = (side === 'ingress' ? from : to) ?? [];
          return (
            peers.some(({ podSelector }) => podSelector && selects(podSelector, { [NAME]: other })) &&
            ports?.some((each) => each.port === port)
          );
        });
    /** Ports on which it reaches any address. */
    const portsOutside = (name: string) =>
      policies
        .filter(({ spec }) => selects(spec.podSelector ?? {}, pod(name)))
        .flatMap(({ spec }) => spec.egress ?? [])
        .flatMap(({ to, ports }) => (to === undefined ? (ports ?? []).map(({ port }) => port) : []));
    const stores: Readonly<Record<string, number>> = { postgres: 5432, redis: 6379, rabbitmq: 5672 };
    const targets = [...deployed, 'migrate', ...Object.keys(stores)];
    const reachable = (from: string) =>
      targets.filter((to) => {
        const port = stores[to] ?? PORT;
        return opens('egress', from, to, port) && (to in stores || opens('ingress', to, from, port));
      });
    for (const name of deployed) {
      const { calls, outside } = await saidBy(name);
      // Every service asks users who has access.
      const called = name === 'gateway' ? databases : databases.filter((other) => other !== name && (other === 'users' || other in calls));
      const ownStores = name === 'gateway' ? ['redis', 'rabbitmq'] : ['postgres', 'redis', 'rabbitmq'];
      expect(reachable(name), name).toEqual([...called, ...ownStores]);
      expect(portsOutside(name), name).toEqual(outside?.ports ?? []);
    }
    expect(portsOutside('mailer')).toEqual([465, 587]);
    expect([reachable('migrate'), portsOutside('migrate')]).toEqual([['postgres'], []]);
    for (const { metadata, spec } of policies) {
      expect(spec.podSelector && pods().some((each) => selects(spec.podSelector ?? {}, labelsOf(each))), metadata.name).toBe(true);
    }
  });
});
