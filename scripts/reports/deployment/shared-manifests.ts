import { type Deployed, deployed, entry, lines, MADE, scalar, secrets, services, withDatabase } from './deployed.ts';
import { fromSecret } from './service-manifest.ts';

/** `deploy/kubernetes/base/config.yaml`. */
export function configMap(): string {
  const own = deployed.flatMap((service) => Object.entries(service.configMap));
  return `# ${MADE}
#
# Settings that are no secrets: every process gets all of them and uses those that it knows. An overlay changes and adds its own.
apiVersion: v1
kind: ConfigMap
metadata: { name: stoa, labels: { app.kubernetes.io/part-of: stoa } }
data:
  PUBLIC_URL: http://localhost:3000
  LOG_LEVEL: info
  # The host alone: each service has a role of its own there, with a password derived from STOA_SECRET.
  DATABASE_URL: postgres://postgres:5432
  DATABASE_PREFIX: stoa_
${lines(own.map(([variable, value]) => `  ${variable}: ${scalar(value)}`))}`;
}

/** `deploy/kubernetes/base/migrate.yaml`. */
export const migrations = () => `# ${MADE}
#
# Makes the database and the role of each service, and brings the tables up to date. Only these jobs know the administrator's URL.
# A job cannot be changed: delete the old ones before an upgrade (docs/operations.md).
${withDatabase.map(migration).join('---\n')}`;

const migration = ({ name }: Deployed) => `apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}-migrate
  labels: &labels { app.kubernetes.io/name: migrate, app.kubernetes.io/component: ${name}, app.kubernetes.io/part-of: stoa }
spec:
  backoffLimit: 10
  ttlSecondsAfterFinished: 3600
  template:
    metadata: { labels: *labels }
    spec:
      restartPolicy: OnFailure
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext: { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: migrate
          image: stoa-${name}
          args: [migrate]
          envFrom: [{ configMapRef: { name: stoa } }]
          env:
            - ${fromSecret('DATABASE_URL', 'stoa-migrate')}
            - ${fromSecret('STOA_SECRET', 'stoa')}
          resources: { requests: { cpu: 100m, memory: 128Mi }, limits: { memory: 512Mi } }
          securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
`;

/** `deploy/kubernetes/base/kustomization.yaml`. */
export const baseKustomization = () => `# ${MADE}
#
# Stoa without what is specific to a cluster: its names, images, secrets and stores. See ../overlays/example and docs/operations.md.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - config.yaml
  - network-policies.yaml
  - migrate.yaml
${lines([...services, entry].map(({ name }) => `  - ${name}.yaml`))}`;

/** `deploy/kubernetes/overlays/example/kustomization.yaml`: of the example only what names services is made. */
export function exampleKustomization(): string {
  const create = ['stoa', ...secrets.map(({ name }) => name), 'stoa-migrate'].map(
    (name) => `#   kubectl --namespace stoa create secret generic ${name} --from-env-file=${name.replace(/^stoa-/, '')}.env`,
  );
  const image = ({ name }: Deployed) => `  - { name: stoa-${name}, newName: registry.example.com/stoa-${name}, newTag: 0.1.0 }`;
  return `# ${MADE}
#
# One cluster's own. Copy this folder, and change the copy by hand; then (see secrets.example.yaml for what is in each secret)
#
#   kubectl create namespace stoa
${lines(create)}#   kubectl apply --kustomize deploy/kubernetes/overlays/example
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: stoa
resources:
  - ../../base
  - ingress.yaml
images:
${lines(deployed.map(image))}patches:
  - path: config.yaml
`;
}

/** `deploy/kubernetes/overlays/example/secrets.example.yaml`. */
export function exampleSecrets(): string {
  const own = secrets.map(
    ({ owner, name, examples }) => `# Only the processes of ${owner} have it.
apiVersion: v1
kind: Secret
metadata: { name: ${name} }
stringData:
${lines(Object.entries(examples).map(([variable, example]) => `  ${variable}: ${scalar(example)}`))}`,
  );
  return `# ${MADE}
#
# What the secrets hold, by way of example: no file of the kustomization, so that nobody applies it. Make them as its head says,
# or with whatever keeps your secrets.
${[common, ...own, administrator].join('---\n')}`;
}

const common = `apiVersion: v1
kind: Secret
metadata: { name: stoa }
stringData:
  # 32 random bytes in base64: \`npx stoa secret\`. Keep it with the back-ups: nothing else decrypts what it has encrypted.
  STOA_SECRET: ''
  BROKER_URL: amqp://stoa:PASSWORD@rabbitmq.stores:5672
  REDIS_URL: redis://:PASSWORD@redis.stores:6379
`;

const administrator = `# Only the migration jobs have it: a database user that may create databases and roles.
apiVersion: v1
kind: Secret
metadata: { name: stoa-migrate }
stringData:
  DATABASE_URL: postgres://ADMIN:PASSWORD@postgres.stores:5432/postgres
`;
