import { type Deployed, deployed, entry, IDENTITY, lines, MADE, services, withDatabase } from './deployed.ts';

const NAME = 'app.kubernetes.io/name';
const PORT = 3000;

/** `network-policies.yaml`: what each process may reach and be reached by, and nothing else. */
export function networkPolicies(): string {
  const names = (list: readonly Deployed[]) => list.map(({ name }) => name);
  const policies = [
    ...always,
    policy('gateway-to-services', [entry.name], 'Egress', [{ pods: names(services), ports: [PORT] }]),
    ...services.map(toService),
    ...services.flatMap(fromService),
    policy('to-postgres', [...names(withDatabase), 'migrate'], 'Egress', [store('postgres', 5432)]),
    policy('to-redis-and-rabbitmq', names(deployed), 'Egress', [store('redis', 6379), store('rabbitmq', 5672, 5671)]),
  ];
  return `# ${MADE}
#
# Only the traffic that is listed here is allowed. The stores are pods with these names in any namespace; for stores outside of
# the cluster an overlay adds their addresses (ipBlock).
${policies.join('---\n')}`;
}

const always = [
  `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default-deny }
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
`,
  `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: names }
spec:
  podSelector: { matchLabels: { app.kubernetes.io/part-of: stoa } }
  policyTypes: [Egress]
  egress:
    - to:
        - namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: kube-system } }
          podSelector: { matchLabels: { k8s-app: kube-dns } }
      ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
`,
  `# Whatever brings requests from outside: an ingress controller has its own namespace, which the overlay names.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: to-gateway }
spec:
  podSelector: ${podsCalled([entry.name])}
  policyTypes: [Ingress]
  ingress:
    - from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: ingress-nginx } } }]
      ports: [{ port: ${PORT} }]
`,
];

/** The gateway and the callers of a service reach it. */
function toService({ name }: Deployed): string {
  const callers = services.filter(({ callees }) => callees.includes(name));
  const reasons = callers.flatMap((caller) => (caller.calls[name] ? [`${caller.name} asks ${name} for ${caller.calls[name]}.`] : []));
  const everybody = name === IDENTITY ? [`Every other service asks ${name} who has access.`] : [];
  const peers = [{ pods: [entry.name, ...callers.map((caller) => caller.name)], ports: [PORT] }];
  return `${lines([...everybody, ...reasons].map((line) => `# ${line}`))}${policy(`to-${name}`, [name], 'Ingress', peers)}`;
}

/** A service reaches those that it calls, and servers outside. */
function fromService({ name, callees, outside }: Deployed): string[] {
  const peers: Peer[] = [...(callees.length > 0 ? [{ pods: callees, ports: [PORT] }] : []), ...(outside ? [{ ports: outside.ports }] : [])];
  if (peers.length === 0) return [];
  return [`${outside ? `# ${outside.purpose}\n` : ''}${policy(`${name}-to-others`, [name], 'Egress', peers)}`];
}

interface Peer {
  /** Anybody, when absent. */
  readonly pods?: readonly string[];
  /** Whether the pods may be in other namespaces. */
  readonly anywhere?: true;
  readonly ports: readonly number[];
}

const store = (name: string, ...ports: readonly number[]): Peer => ({ pods: [name], anywhere: true, ports });

function policy(name: string, pods: readonly string[], type: 'Ingress' | 'Egress', peers: readonly Peer[]): string {
  const side = type === 'Ingress' ? 'from' : 'to';
  const rules = peers.map(({ pods: others, anywhere, ports }) => {
    const open = `ports: [${ports.map((port) => `{ port: ${port} }`).join(', ')}]`;
    if (others === undefined) return `    - ${open}`;
    return `    - ${side}: [{ ${anywhere ? 'namespaceSelector: {}, ' : ''}podSelector: ${podsCalled(others)} }]\n      ${open}`;
  });
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name} }
spec:
  podSelector: ${podsCalled(pods)}
  policyTypes: [${type}]
  ${type.toLowerCase()}:
${lines(rules)}`;
}

function podsCalled(names: readonly string[]): string {
  return names.length === 1
    ? `{ matchLabels: { ${NAME}: ${names[0]} } }`
    : `{ matchExpressions: [{ key: ${NAME}, operator: In, values: [${names.join(', ')}] }] }`;
}
