import { cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { breakingChanges, breakingEvents } from './breaking-changes.ts';

const root = join(import.meta.dirname, '../..');
const current = join(root, 'docs/reference');
const released = join(root, 'docs/released');
/** Line → why it is meant. */
const meantFile = join(released, 'meant-breaks.json');

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as object;

/**
 * What in the committed documents breaks clients written for those of the last release. Intended breaks are listed with their reason in
 * `docs/released/meant-breaks.json` until the next release; an entry that is no break is an error as well.
 */
export function releaseFaults(): string[] {
  const breaks = globSync('openapi/*.json', { cwd: released }).flatMap((file) => {
    const now = join(current, file);
    if (!existsSync(now)) return [`${file} is gone`];
    return breakingChanges(read(join(released, file)), read(now)).map(
      (each) => `${file.slice('openapi/'.length, -'.json'.length)} ${each}`,
    );
  });
  const events = breakingEvents(read(join(released, 'asyncapi.json')), read(join(current, 'asyncapi.json')));
  const meant = read(meantFile) as Record<string, string>;
  const all = [...breaks, ...events];
  return [
    ...all.filter((each) => meant[each] === undefined).map((each) => `breaks what was released: ${each}`),
    ...Object.keys(meant)
      .filter((each) => !all.includes(each))
      .map((each) => `docs/released/meant-breaks.json names what is no break: ${each}`),
  ];
}

/** Makes the current documents those of the last release. */
export function release(): void {
  for (const part of ['openapi', 'asyncapi.json']) {
    rmSync(join(released, part), { recursive: true, force: true });
    cpSync(join(current, part), join(released, part), { recursive: true });
  }
  writeFileSync(meantFile, '{}\n');
}
