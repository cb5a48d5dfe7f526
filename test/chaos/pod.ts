import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '@stoa/service/testing';

const root = resolve(import.meta.dirname, '../..');
const READY_LIMIT_MS = 180_000;
/** Longer than the product's own limit for a clean stop. */
const STOP_LIMIT_MS = 60_000;

export interface PodOptions {
  readonly name: string;
  readonly port: number;
  /** Arguments of `stoa`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where all that it prints is kept, over all of its starts. */
  readonly logs: string;
  /** Where it listens. */
  readonly host?: string;
  /** Words in front of the command, for example to run it in a network of its own. */
  readonly enter?: readonly string[];
}

/** One process of the system, as an orchestrator sees it: it can die, be stopped and come back, always at the same address. */
export interface Pod {
  readonly name: string;
  readonly url: string;
  /** Resolves when it is ready; with `wait: false` as soon as the process runs. @param env for this start alone. */
  start(options?: { readonly wait?: boolean; readonly env?: Readonly<Record<string, string>> }): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Resolves with the exit code when it has ended by itself. */
  ended(): Promise<number | null>;
  /** SIGTERM. @returns the exit code. */
  terminate(): Promise<number | null>;
  /** SIGSTOP, and SIGCONT. */
  freeze(): void;
  thaw(): void;
  /** What `/health/ready` answers; 0 when there is no answer. */
  readiness(): Promise<number>;
  untilReady(): Promise<void>;
  /** The end of what it printed. */
  output(): Promise<string>;
}

export function createPod({ name, port, args, env, logs, host = '127.0.0.1', enter = [] }: PodOptions): Pod {
  const url = `http://${host}:${port}`;
  const file = join(logs, `${name}.log`);
  const output = async () => (await readFile(file, 'utf8').catch(() => '')).slice(-6_000);
  let child: ChildProcess | undefined;
  let exited: Promise<number | null> = Promise.resolve(null);

  function run(more: Readonly<Record<string, string>>): void {
    if (child !== undefined) throw new Error(`${name} runs already`);
    const [command, ...words] = [...enter, process.execPath, join(root, 'apps/server/src/main.ts'), ...args] as [string, ...string[]];
    const started = spawn(command, words, {
      cwd: root,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: String(port), HOST: host, ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    const log = createWriteStream(file, { flags: 'a' });
    log.write(`--- ${new Date().toISOString()} pid ${started.pid}\n`);
    for (const stream of [started.stdout, started.stderr]) stream?.on('data', (text: Buffer) => log.write(text));
    exited = once(started, 'close').then(([code, signal]) => {
      if (child === started) child = undefined;
      log.end(`--- ${new Date().toISOString()} ended with ${code ?? signal}\n`);
      return code as number | null;
    });
  }

  async function readiness(): Promise<number> {
    try {
      const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(6_000) });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return 0;
    }
  }

  async function untilReady(): Promise<void> {
    const ready = eventually(
      async () => {
        const status = await readiness();
        if (status !== 200) throw new Error(`${name} is not ready: ${status}`);
      },
      { timeoutMs: READY_LIMIT_MS, intervalMs: 100 },
    );
    const gone = exited.then((code) => {
      throw new Error(`${name} ended with ${code}`);
    });
    await Promise.race([ready, gone]).catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await output()}`);
    });
  }

  return {
    name,
    url,
    async start({ wait = true, env: more = {} } = {}) {
      run(more);
      if (wait) await untilReady();
    },
    async kill() {
      child?.kill('SIGKILL');
      await exited;
    },
    ended: () => exited,
    async terminate() {
      child?.kill('SIGTERM');
      const late = new AbortController();
      const code = await Promise.race([exited, delay(STOP_LIMIT_MS, 'late' as const, { signal: late.signal })]);
      late.abort();
      if (code === 'late') throw new Error(`${name} does not stop\n${await output()}`);
      return code;
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    readiness,
    untilReady,
    output,
  };
}
