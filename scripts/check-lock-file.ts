import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `node scripts/check-lock-file.ts`: fails when package-lock.json lacks what another platform needs. npm forgets the optional
 * dependencies of other platforms when it adds a package to a tree that is installed (npm/cli#4828); `npm ci` then refuses the file.
 */
interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8');
const { packages } = JSON.parse(lock) as { packages: Record<string, LockedPackage> };

/** As Node looks for it: in the package's own folder, then in each one above. */
function isLocked(name: string, from: string): boolean {
  if (`${from ? `${from}/` : ''}node_modules/${name}` in packages) return true;
  return from !== '' && isLocked(name, from.slice(0, Math.max(0, from.lastIndexOf('/'))));
}

const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
  Object.keys(optionalDependencies)
    .filter((name) => !isLocked(name, path))
    .map((name) => `${path} needs ${name}`),
);
if (missing.length > 0) {
  console.error(`package-lock.json lacks packages of other platforms:\n  ${missing.join('\n  ')}`);
  console.error(
    'Fix: remove the entries of the packages on the left from package-lock.json, then, without node_modules: npm install --package-lock-only',
  );
  process.exitCode = 1;
}
