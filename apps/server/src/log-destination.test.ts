import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

/** Ways in which a process ends right after its last line. */
const ENDS: readonly (readonly [how: string, code: string, status: number])[] = [
  ['has nothing left to do', '', 0],
  ['exits', 'process.exit(3);', 3],
  ['throws', 'throw new Error("on purpose");', 1],
];

test.for(ENDS)('no line is lost by a process that %s, and their order stays', async ([, end, status]) => {
  const code = `
    import { inBatches } from ${JSON.stringify(join(import.meta.dirname, 'log-destination.ts'))};
    const lines = inBatches(1);
    for (let n = 0; n < 2000; n += 1) lines.write(n + ' '.padEnd(40, 'é') + (n % 500 === 7 ? '€'.repeat(20000) : '') + '\\n');
    ${end}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [written, [exit]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(exit).toBe(status);
  expect(written.trim().split('\n').map(Number.parseFloat)).toEqual(Array.from({ length: 2000 }, (_, n) => n));
});

test('a line that comes alone is written while the process goes on', async () => {
  const code = `
    import { inBatches } from ${JSON.stringify(join(import.meta.dirname, 'log-destination.ts'))};
    inBatches(1).write('alone\\n');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    expect(String(line)).toBe('alone\n');
  } finally {
    child.kill('SIGKILL');
  }
});
