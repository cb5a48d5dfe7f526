import { type Deployed, deployed, entry, lines, MADE, scalar, services, withDatabase } from './deployed.ts';

/** The value of a variable that Compose is given: without it nothing starts, or there is another one. */
const needed = (variable: string) => `\${${variable}:?see deploy/.env.example}`;
const given = (variable: string, otherwise: string) => `\${${variable}:-${otherwise}}`;

/** `deploy/compose.yaml`. */
export const composeFile = () => `# ${MADE}
#
# The whole system on one machine: three stores, a job for each database that migrates it, the gateway and the services.
#
#   cp deploy/.env.example deploy/.env      and fill it in
#   docker compose --file deploy/compose.yaml up --build --wait
#   docker compose --file deploy/compose.yaml up --wait ${services.map(({ name }) => `--scale ${name}=2`).join(' ')}
#
# Only the gateway has a port of this machine. More copies of it need one each: GATEWAY_PORTS (docs/operations.md).
# A variable without a value is taken from .env or the shell, and left out where neither has it: then the default holds.
name: stoa

${anchors}
services:
${deployed.map(service).join('\n')}
${withDatabase.map(migration).join('\n')}
${stores}`;

const anchors = `x-service: &service
  restart: unless-stopped
  read_only: true
  cap_drop: [ALL]
  security_opt: ['no-new-privileges:true']
  # Longer than the limits of a process: up to 20 s of draining (DRAIN_MS, 3 s by default) and 25 s to stop.
  stop_grace_period: 50s
  logging: &logging
    driver: json-file
    options: { max-size: 20m, max-file: '5' }

# The services use only the host of DATABASE_URL: each has a role of its own, with a password derived from STOA_SECRET.
x-stoa: &stoa
  STOA_SECRET: ${needed('STOA_SECRET')}
  BROKER_URL: amqp://stoa:${needed('RABBITMQ_PASSWORD')}@rabbitmq:5672
  REDIS_URL: redis://:${needed('REDIS_PASSWORD')}@redis:6379
  PUBLIC_URL: ${given('PUBLIC_URL', 'http://localhost:3000')}
  LOG_LEVEL: ${given('LOG_LEVEL', 'info')}
  DRAIN_MS:
  OTEL_EXPORTER_OTLP_ENDPOINT:

x-data: &data
  <<: *stoa
  DATABASE_URL: postgres://postgres:5432
  DATABASE_PREFIX: ${given('DATABASE_PREFIX', 'stoa_')}

x-migrate: &migrate
  restart: on-failure
  read_only: true
  cap_drop: [ALL]
  security_opt: ['no-new-privileges:true']
  logging: *logging
  command: [migrate]
  environment:
    STOA_SECRET: ${needed('STOA_SECRET')}
    DATABASE_URL: postgres://postgres:${needed('POSTGRES_PASSWORD')}@postgres:5432/postgres
    DATABASE_PREFIX: ${given('DATABASE_PREFIX', 'stoa_')}
  networks: [data]
  depends_on:
    postgres: { condition: service_healthy }
`;

/** One container does what the api and the worker of a service do elsewhere. */
function service(what: Deployed): string {
  const { name, hasDatabase, variables, composeDefaults, workloads } = what;
  const environment = [...new Set([...variables, ...Object.keys(composeDefaults)])].map((variable) => {
    const otherwise = composeDefaults[variable];
    return `      ${variable}:${otherwise === undefined ? '' : ` ${scalar(given(variable, otherwise))}`}`;
  });
  const memoryMiB = Math.max(...workloads.map(({ memoryLimitMiB }) => memoryLimitMiB));
  return `  ${name}:
    <<: *service
    image: ${imageOf(name)}
    build: { context: .., dockerfile: deploy/Dockerfile, args: { SERVICE: ${name} } }
    environment:
      <<: *${hasDatabase ? 'data' : 'stoa'}
${lines(environment)}${what === entry ? `    ports: ['${given('GATEWAY_PORTS', '3000:3000')}']\n` : ''}\
    networks: [stoa${hasDatabase ? ', data' : ''}]
    depends_on:
${hasDatabase ? `      ${name}-migrate: { condition: service_completed_successfully }\n` : ''}\
      redis: { condition: service_healthy }
      rabbitmq: { condition: service_healthy }
    deploy: { resources: { limits: { cpus: '2', memory: ${memoryMiB}M } } }
`;
}

const migration = ({ name }: Deployed) => `  ${name}-migrate:
    <<: *migrate
    image: ${imageOf(name)}
`;

const imageOf = (name: string) => `stoa-${name}:${given('STOA_VERSION', 'latest')}`;

const stores = `  postgres:
    image: docker.io/library/postgres:18-bookworm
    restart: unless-stopped
    logging: *logging
    environment: { POSTGRES_PASSWORD: '${needed('POSTGRES_PASSWORD')}' }
    command: [postgres, -c, max_connections=200]
    volumes: ['postgres:/var/lib/postgresql']
    networks: [data]
    shm_size: 256m
    stop_grace_period: 60s
    # By TCP: while the database is made for the first time only the socket answers.
    healthcheck: { test: [CMD, pg_isready, --quiet, --host=127.0.0.1, --username=postgres], interval: 5s, timeout: 5s, retries: 20 }
    deploy: { resources: { limits: { cpus: '2', memory: 1G } } }

  redis:
    image: docker.io/library/redis:8-bookworm
    restart: unless-stopped
    logging: *logging
    environment: { REDISCLI_AUTH: '${needed('REDIS_PASSWORD')}' }
    command: [redis-server, --requirepass, '\${REDIS_PASSWORD}', --maxmemory, 256mb, --maxmemory-policy, volatile-ttl]
    volumes: ['redis:/data']
    networks: [stoa]
    healthcheck: { test: [CMD-SHELL, 'redis-cli ping | grep -q PONG'], interval: 5s, timeout: 5s, retries: 20 }
    deploy: { resources: { limits: { cpus: '1', memory: 384M } } }

  rabbitmq:
    image: docker.io/library/rabbitmq:4-management
    restart: unless-stopped
    logging: *logging
    # Its data is kept under the name of the machine.
    hostname: rabbitmq
    environment: { RABBITMQ_DEFAULT_USER: stoa, RABBITMQ_DEFAULT_PASS: '${needed('RABBITMQ_PASSWORD')}' }
    volumes: ['rabbitmq:/var/lib/rabbitmq']
    networks: [stoa]
    stop_grace_period: 60s
    healthcheck: { test: [CMD, rabbitmq-diagnostics, -q, check_port_connectivity], interval: 10s, timeout: 15s, retries: 20, start_period: 30s }
    deploy: { resources: { limits: { cpus: '2', memory: 1G } } }

networks:
  # The services, and what they share. What goes to servers outside, as mails do, leaves by this one.
  stoa: {}
  # The databases and the services that own one; no access to the outside.
  data: { internal: true }

volumes:
  postgres: {}
  redis: {}
  rabbitmq: {}
`;

/** `test/containers/compose.e2e.yaml`. */
export const composeForTests = () => `# ${MADE}
#
# What the end-to-end tests change in deploy/compose.yaml: two copies of everything (as --scale, which an old podman-compose does not
# know), and a database that the tests' own questions and commands can reach.
services:
${lines(deployed.map(({ name }) => `  ${name}: { deploy: { replicas: 2 } }`))}  postgres:
    networks: [stoa]
    ports: ['127.0.0.1::5432']
`;
