import { type Deployed, entry, lines, MADE, type Workload } from './deployed.ts';

/** `deploy/kubernetes/base/<service>.yaml`: what runs, its name for others, and how many there are at least and at most. */
export function serviceManifest(service: Deployed): string {
  const { workloads } = service;
  const resources = [
    ...workloads.map((workload) => processes(service, workload)),
    serviceName(service),
    ...workloads.map((workload) => disruptionBudget(service, workload)),
    ...workloads.flatMap((workload) => autoscaler(workload)),
  ];
  return `# ${MADE}\n#\n${lines(workloads.map(({ name, note }) => `# ${name} ${note}`))}${resources.join('---\n')}`;
}

/** Labels that tell its processes from all others. */
const own = ({ name }: Deployed, { component }: Pick<Workload, 'component'>) =>
  `app.kubernetes.io/name: ${name}, app.kubernetes.io/component: ${component}`;

function processes(service: Deployed, workload: Workload): string {
  const { component, copies, cpuMillis, memoryMiB, memoryLimitMiB } = workload;
  const { name, hasDatabase, secret } = service;
  const env = [
    ...(hasDatabase ? [`{ name: ROLE, value: ${component} }`] : []),
    ...['STOA_SECRET', 'BROKER_URL', 'REDIS_URL'].map((variable) => fromSecret(variable, 'stoa')),
    ...(secret === undefined ? [] : Object.keys(secret.examples).map((variable) => fromSecret(variable, secret.name))),
  ];
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${workload.name}
  labels: &labels { ${own(service, workload)}, app.kubernetes.io/part-of: stoa }
spec:
${typeof copies === 'number' ? `  replicas: ${copies}\n` : ''}  revisionHistoryLimit: 5
  strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } }
  selector: { matchLabels: { ${own(service, workload)} } }
  template:
    metadata: { labels: *labels }
    spec:
      automountServiceAccountToken: false
      # Links would set variables like USERS_PORT=tcp://…, which is a setting of Stoa.
      enableServiceLinks: false
      securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: { type: RuntimeDefault } }
      # 5 s in which others learn that this one stops, up to 20 s of draining (DRAIN_MS, 3 s by default), 25 s to stop,
      # and some to spare.
      terminationGracePeriodSeconds: 55
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: { matchLabels: { ${own(service, workload)} } }
      containers:
        - name: ${name}
          image: stoa-${name}
          ports: [{ name: http, containerPort: 3000 }]
          envFrom: [{ configMapRef: { name: stoa } }]
          env:
${lines(env.map((variable) => `            - ${variable}`))}\
          startupProbe: { httpGet: { path: /health/live, port: http }, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 120 }
          livenessProbe: { httpGet: { path: /health/live, port: http }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 }
          readinessProbe: { httpGet: { path: /health/ready, port: http }, periodSeconds: 5, timeoutSeconds: 6, failureThreshold: 2 }
          lifecycle: { preStop: { exec: { command: [sleep, '5'] } } }
          resources: { requests: { cpu: ${cpuMillis}m, memory: ${memoryMiB}Mi }, limits: { memory: ${memoryLimitMiB}Mi } }
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
`;
}

export const fromSecret = (variable: string, secret: string) =>
  `{ name: ${variable}, valueFrom: { secretKeyRef: { name: ${secret}, key: ${variable} } } }`;

/** Other services resolve the processes that answer. An ingress balances the load by itself, so that the gateway has one address. */
function serviceName(service: Deployed): string {
  const { name } = service;
  const headless = `\
  # Every process has an address of its own in the name: callers spread over them and leave out the one that fails.
  clusterIP: None
`;
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  labels: { app.kubernetes.io/name: ${name}, app.kubernetes.io/part-of: stoa }
spec:
${service === entry ? '' : headless}  selector: { ${own(service, { component: 'api' })} }
  ports: [{ name: http, port: 3000, targetPort: http }]
`;
}

const disruptionBudget = (service: Deployed, workload: Workload) => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: ${workload.name}, labels: { app.kubernetes.io/part-of: stoa } }
spec:
  maxUnavailable: 1
  selector: { matchLabels: { ${own(service, workload)} } }
`;

function autoscaler({ name, copies }: Workload): string[] {
  if (typeof copies === 'number') return [];
  return [
    `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: ${name}, labels: { app.kubernetes.io/part-of: stoa } }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: ${name} }
  minReplicas: ${copies.least}
  maxReplicas: ${copies.most}
  metrics: [{ type: Resource, resource: { name: cpu, target: { type: Utilization, averageUtilization: 70 } } }]
`,
  ];
}
