import { spawn } from 'node:child_process';

/** Remembers the children of a process while it lives; afterwards ends those that are left, with their groups, and removes the folder. */
const SCRIPT = `
  while kill -0 "$0"; do children=$(pgrep -P "$0" | grep -vx "$$"); sleep 1; done
  for child in $children; do kill -KILL "-$child" || kill -KILL "$child"; done
  rm -rf "$1"`;

/** Nothing stays behind even when this process is killed, as an interrupted run does with its workers. */
export function startReaper(folder: string): void {
  spawn('sh', ['-c', SCRIPT, String(process.pid), folder], { detached: true, stdio: 'ignore' }).unref();
}
