import { AppError, createLog, type Environment } from '@stoa/service';
import { type UsersAdministration, users } from '@stoa/users';
import { administerUsers } from '../administer-users.ts';
import { readRun } from '../data-directory.ts';
import { assertMigrated, prepareDatabase } from '../migrations.ts';
import { withRuntime } from '../runtime.ts';
import { readSettings, withPublicUrl } from '../settings.ts';
import { StartProblem } from '../start-problem.ts';

export interface UsersVisit {
  readonly administration: UsersAdministration;
  /** Where people reach the gateway: the URL of the Stoa that runs here, else the one that it would have. */
  readonly publicUrl: string;
}

/**
 * For commands: what can be done to the accounts while the service runs, here or elsewhere, or not at all.
 * @throws StartProblem for what the accounts' own rules refuse.
 */
export async function visitUsers<T>(environment: Environment, work: (visit: UsersVisit) => Promise<T>): Promise<T> {
  const settings = readSettings(environment, []);
  const { config, resolved, embedded } = settings;
  const run = embedded ? await readRun(config.DATA_DIR) : undefined;
  const publicUrl = withPublicUrl(resolved, run?.port ?? config.PORT)['PUBLIC_URL'] as string;
  const log = createLog({ level: 'warn' });
  return await withRuntime(settings, log, async (databases) => {
    await (embedded ? prepareDatabase : assertMigrated)(users, databases, log);
    try {
      return await administerUsers(databases, resolved, log, (administration) => work({ administration, publicUrl }));
    } catch (error) {
      throw error instanceof AppError && error.kind !== 'unavailable' ? explained(error) : error;
    }
  });
}

function explained({ message, fields = [] }: AppError): StartProblem {
  const cause = fields.length === 0 ? message : fields.map((field) => `The ${field.path.slice(1)} ${field.message}.`).join(' ');
  return new StartProblem(cause, 'Correct it, and run the command again.', 65);
}
