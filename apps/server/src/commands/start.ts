import { setTimeout as delay } from 'node:timers/promises';
import { CLOSE_MS } from '@stoa/http';
import { createLog, type Environment, type Logger, type Service } from '@stoa/service';
import { banner, warningsOf } from '../banner.ts';
import { assertUnused } from '../data-directory.ts';
import type { DatabasePlace } from '../databases.ts';
import { giveBackMemory } from '../give-back-memory.ts';
import { findPort, listen, reachableHost } from '../listening.ts';
import { logDestination } from '../log-destination.ts';
import { type Platform, startPlatform } from '../platform.ts';
import { openRuntime, type Runtime } from '../runtime.ts';
import { GATEWAY, loadServices } from '../services.ts';
import { chosenServices, readSettings, withPublicUrl } from '../settings.ts';
import { onStopSignal } from '../signals.ts';
import type { Telemetry, TelemetryOptions } from '../telemetry.ts';
import { topologyOf } from '../topology.ts';

/**
 * How long a clean stop may take after the draining, before the process ends all the same: the front's close, that of the services' own
 * ports, and 5 s for the rest. Whatever kills the process must wait longer than this plus the longest `DRAIN_MS`: deploy/.
 */
export const STOP_LIMIT_MS = 2 * CLOSE_MS + 5_000;

/** Starts the chosen services in this process and prints where everything is. Returns when all of it is ready. */
export async function start(environment: Environment): Promise<void> {
  const chosen = chosenServices(environment);
  const gateway = chosen.includes(GATEWAY) ? [(await import('@stoa/gateway')).gateway] : [];
  const settings = readSettings(environment, [...gateway, ...(await loadServices(chosen))]);
  const { config, resolved, embedded } = settings;
  const topology = topologyOf(settings, chosen);
  const host = config.HOST ?? (embedded ? '127.0.0.1' : '0.0.0.0');
  if (embedded) await assertUnused(config.DATA_DIR);
  // Before anything is wired: mails name it.
  const port = await findPort(config.PORT, host);
  const ports = await Promise.all([...topology.ports].map(async ([name, number]) => [name, await findPort(number, host)] as const));
  const log = createLog({ level: config.LOG_LEVEL, destination: await logDestination() });

  const telemetry = config.OTEL_EXPORTER_OTLP_ENDPOINT === undefined ? undefined : await keepTraces({ environment, chosen, log });
  let runtime: Runtime | undefined;
  let platform: Platform | undefined;
  let stopping: Promise<void> | undefined;
  const starting = (async () => {
    runtime = await openRuntime(settings, log, (line) => console.error(line));
    if (stopping) return;
    platform = await startPlatform({
      topology,
      environment: withPublicUrl(resolved, port.number),
      databases: runtime.databases,
      derive: runtime.derive,
      log,
      migrate: embedded,
    });
    if (stopping) return;
    giveBackMemory();
    await listen(platform.front.http, port, host);
    for (const [name, own] of ports) await listen(serviceCalled(name, platform).http, own, host);
    const url = `http://${reachableHost(host)}:${port.number}`;
    await runtime.data?.writeRun({ pid: process.pid, port: port.number, url, databaseUrl: runtime.databases.adminUrl as string });
    const mail = resolved['MAIL_URL'] ?? '';
    const { databases } = runtime;
    const publicUrl = withPublicUrl(resolved, port.number)['PUBLIC_URL'];
    const code = topology.runsBackgroundWork && chosen.includes('users') ? await issueSetUpCode(databases, resolved, log) : undefined;
    console.log(
      banner({
        url,
        readyInMs: performance.now(),
        services: chosen,
        elsewhere: topology.elsewhere,
        broker: topology.brokerUrl,
        redis: topology.redisUrl,
        postgresDirectory: runtime.postgresDirectory,
        mail,
        setUpUrl: code && `${publicUrl}/setup#code=${code}`,
        warnings: warningsOf(resolved, host, chosen),
      }),
    );
  })();
  // A start in progress is completed before the stop: a half-started Postgres would be left behind.
  const stop = () => {
    stopping ??= starting
      .catch(() => {})
      .then(() => platform && drain(platform, topology.drainMs))
      .then(() => platform?.stop())
      .finally(() => Promise.all([telemetry?.stop(), runtime?.close()]));
    return stopping;
  };
  handleSignalsAndFaults(stop, log, STOP_LIMIT_MS + topology.drainMs);
  try {
    await starting;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The SDK is loaded only where somebody wants traces. */
async function keepTraces(options: TelemetryOptions): Promise<Telemetry | undefined> {
  const { OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER } = options.environment;
  if (OTEL_SDK_DISABLED === 'true' || OTEL_TRACES_EXPORTER === 'none') return undefined;
  return (await import('../telemetry.ts')).startTelemetry(options);
}

const serviceCalled = (wanted: string, { services }: Platform) => services.find(({ name }) => name === wanted) as Service;

async function issueSetUpCode(databases: DatabasePlace, environment: Environment, log: Logger): Promise<string | undefined> {
  const { administerUsers } = await import('../administer-users.ts');
  return await administerUsers(databases, environment, log, (users) => users.issueSetUpCode());
}

async function drain(platform: Platform, milliseconds: number): Promise<void> {
  if (milliseconds === 0) return;
  platform.drain();
  await delay(milliseconds);
}

function handleSignalsAndFaults(stop: () => Promise<void>, log: Logger, limitMs: number) {
  const stopProcess = async (exitCode: number) => {
    console.error('Stopping …');
    setTimeout(() => process.exit(1), limitMs).unref();
    await stop().catch((error) => {
      log.error({ err: error }, 'could not stop cleanly');
      process.exit(1);
    });
    console.error('Stopped.');
    process.exit(exitCode);
  };
  onStopSignal(
    () => stopProcess(0),
    () => process.exit(1),
  );
  const fail = (error: unknown) => {
    log.fatal({ err: error }, 'unexpected error: stopping');
    void stopProcess(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
}
