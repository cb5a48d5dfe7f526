import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve(import.meta.dirname, '..');

/** Runs a script in a process of its own and reads the one number that it prints. */
export async function runScript(script: string, args: readonly string[] = []): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, script), ...args], { cwd: root });
  const number = Number(stdout.trim());
  if (!Number.isFinite(number)) throw new Error(`${script} printed ${stdout}`);
  return number;
}
