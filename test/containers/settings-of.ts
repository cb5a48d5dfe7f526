import { gateway } from '@stoa/gateway';
import { type ConfigRow, deploymentOf, describeConfig, type Environment } from '@stoa/service';
import { STOP_LIMIT_MS } from '../../apps/server/src/commands/start.ts';
import { GATEWAY, loadServices, serviceNames } from '../../apps/server/src/services.ts';
import { readSettings, serverConfig } from '../../apps/server/src/settings.ts';

/** Everything that is deployed by itself. */
export const deployed: readonly string[] = [GATEWAY, ...serviceNames];

const definitionOf = async (service: string) => (service === GATEWAY ? gateway : (await loadServices([service]))[0]) as typeof gateway;

/** What the service declares about its deployment. */
export const saidBy = async (service: string) => deploymentOf(await definitionOf(service));

/** The settings that only this service has. */
export async function ownSettingsOf(service: string): Promise<readonly ConfigRow[]> {
  return describeConfig((await definitionOf(service)).config);
}

/** The settings of a process with this service. */
export async function settingsOf(service: string): Promise<ReadonlyMap<string, ConfigRow>> {
  return new Map([...describeConfig(serverConfig), ...(await ownSettingsOf(service))].map((row) => [row.variable, row]));
}

/** Checks the environment as a start would. @throws ConfigError */
export async function checkSettings(service: string, environment: Environment): Promise<void> {
  readSettings(environment, [await definitionOf(service)]);
}

/** How long a process may take from the signal to its end, with the longest draining that can be set. */
export function longestStopMs(): number {
  const { maximum } = serverConfig.properties['DRAIN_MS'] as { maximum?: number };
  return STOP_LIMIT_MS + Number(maximum);
}
