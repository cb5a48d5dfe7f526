import { open } from 'node:fs/promises';
import type { Environment } from '@stoa/service';
import { StartProblem } from '../start-problem.ts';
import { visitUsers } from './visit-users.ts';

const USAGE = 'stoa users import FILE, or - for standard input; one JSON object on each line';
/** No account is that long: a file without line breaks is refused before it fills the memory. */
const LONGEST_LINE = 1_048_576;
const LINE_FEED = 0x0a;

/**
 * Imports accounts of another system with the hashes of their passwords. Each refused line is reported and makes the exit code 1;
 * the rest is imported all the same. A repeat skips the accounts that exist.
 */
export async function importUsers(environment: Environment, [action, path, ...rest]: readonly string[]): Promise<void> {
  if (action !== 'import' || path === undefined || rest.length > 0) throw new StartProblem('Which accounts are to be imported?', USAGE, 64);
  const source = path === '-' ? process.stdin : await streamOf(path);
  const { imported, skipped, refused } = await visitUsers(environment, ({ administration }) =>
    administration.importUsers(linesOf(source), (line, reason) => console.error(`line ${line}: ${reason}`)),
  );
  console.log(`${imported} imported, ${skipped} skipped as their e-mail has an account, ${refused} refused`);
  if (refused > 0) process.exitCode = 1;
}

/** Opened before anything is started for it. */
async function streamOf(path: string) {
  try {
    const file = await open(path);
    if (!(await file.stat()).isDirectory()) return file.createReadStream();
    await file.close();
  } catch (error) {
    throw new StartProblem(`${path} cannot be read: ${(error as Error).message.split(',')[0]}.`, USAGE, 66);
  }
  throw new StartProblem(`${path} is a folder.`, USAGE, 66);
}

/** Bytes, as each line is checked by itself for valid UTF-8. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED, begin)) {
      yield rest.subarray(begin, end);
      begin = end + 1;
    }
    rest = rest.subarray(begin);
    if (rest.length > LONGEST_LINE) throw new StartProblem('A line is longer than 1 MiB.', USAGE, 65);
  }
  if (rest.length > 0) yield rest;
}
