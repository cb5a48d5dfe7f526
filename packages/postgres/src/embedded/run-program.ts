import { execFile } from 'node:child_process';
import { EmbeddedPostgresError, OWN_POSTGRES } from './embedded-postgres-error.ts';
import type { RunAs } from './run-as.ts';

/** Nothing of ours: PGDATA, PGOPTIONS and the like would change what the server does, LC_* the language of its messages. */
export const CLEAN_ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Runs one of the server's programs to its end. @throws EmbeddedPostgresError with what it said. */
export async function runProgram(program: string, args: readonly string[], user: RunAs | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile(program, args, { ...user, cwd: '/', env: CLEAN_ENVIRONMENT }, (error, _stdout, stderr) => {
    if (error === null) resolve();
    else reject(explainFailure(program, error, stderr));
  });
  return promise;
}

/** Turns the ways in which a program cannot even begin, or says why it fails, into cause and fix. */
export function explainFailure(program: string, error: Error, output: string): EmbeddedPostgresError {
  const library = /error while loading shared libraries: ([^:\s]+)/.exec(output)?.[1];
  if (library !== undefined) {
    return new EmbeddedPostgresError(
      `Postgres needs the shared library ${library}, which this system lacks.`,
      `Install it (on Debian: apt-get install libstdc++6 and the package that holds ${library}), or ${OWN_POSTGRES}.`,
    );
  }
  if ('code' in error && (error.code === 'ENOENT' || error.code === 'ENOEXEC')) {
    return new EmbeddedPostgresError(
      `The Postgres server that Stoa brings does not run on this system (${program}: ${error.code}); it is made for glibc.`,
      `Use a system with glibc (Debian, Ubuntu, Fedora), or ${OWN_POSTGRES}.`,
      { cause: error },
    );
  }
  if (output.includes('No space left on device')) {
    return new EmbeddedPostgresError(
      'The disk is full: Postgres cannot write its data.',
      'Free some space (100 MB for an empty database) and start again.',
    );
  }
  if (output.includes('lock file "postmaster.pid" already exists')) {
    return new EmbeddedPostgresError(
      'Another Stoa has just started on the same data folder.',
      'Use that one, or choose another data folder for this one.',
    );
  }
  const unknownUser = /could not look up effective user ID (\d+)/.exec(output)?.[1];
  if (unknownUser !== undefined) {
    return new EmbeddedPostgresError(
      `Postgres insists on a user that has a name, and user id ${unknownUser} has none on this system.`,
      `Start Stoa as a user that /etc/passwd knows, or ${OWN_POSTGRES}.`,
    );
  }
  const reason =
    output
      .trim()
      .split('\n')
      .findLast((line) => /error|FATAL|PANIC/.test(line)) ?? error.message;
  return new EmbeddedPostgresError(`Postgres failed: ${reason}`, `Fix the cause and start again, or ${OWN_POSTGRES}.`, {
    cause: error,
  });
}
