import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process id may be reused by another program; with its start time (known on Linux, else '') it names one process. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startedAt: string;
}

export const identify = (pid: number): ProcessIdentity => ({ pid, startedAt: readStat(pid)?.startedAt ?? '' });

/** Whether exactly this process still runs. A zombie, which keeps its id for some seconds after a kill, does not. */
export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  if (!exists(pid)) return false;
  const stat = readStat(pid);
  if (stat === undefined) return process.platform !== 'linux';
  return stat.state !== 'Z' && stat.state !== 'X' && (startedAt === '' || stat.startedAt === startedAt);
}

/** Whether `pid` is a living Postgres process of the cluster in `directory` (an absolute path without links). */
export function isPostgresOf(pid: number, directory: string): boolean {
  if (process.platform !== 'linux') return exists(pid) && commandLine(pid).includes(directory);
  const stat = readStat(pid);
  return stat?.command === 'postgres' && stat.state !== 'Z' && stat.state !== 'X' && workingDirectory(pid) === directory;
}

/**
 * All living Postgres processes of the cluster: each stays in the data directory that its postmaster entered. Needed as
 * backends outlive a killed postmaster, in sessions of their own. Empty where there is no /proc.
 */
export function postgresProcessesOf(directory: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isPostgresOf(pid, directory));
}

/** The program and its arguments; '' when there is no such process. */
export function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return execFileSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

/** Sends the signal unless the process is gone already. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readStat(pid: number): { command: string; state: string; startedAt: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // "pid (name, which may hold anything) state ppid …": fields count from the last parenthesis; the 22nd is the start time.
    const end = text.lastIndexOf(')');
    const fields = text.slice(end + 2).split(' ');
    return { command: text.slice(text.indexOf('(') + 1, end), state: fields[0] ?? '', startedAt: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}
