import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `node scripts/check-lock-file.ts`: fails when `npm ci` would refuse package-lock.json: it lacks a workspace or one of its dependencies, or
 * what another platform needs. npm forgets the optional dependencies of other platforms when it adds a package to a tree that is installed
 * (npm/cli#4828).
 */
type Dependencies = Readonly<Record<string, string>>;
interface LockedPackage {
  readonly dependencies?: Dependencies;
  readonly devDependencies?: Dependencies;
  readonly optionalDependencies?: Dependencies;
}

const root = join(import.meta.dirname, '..');
const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const { packages } = read('package-lock.json') as { packages: Record<string, LockedPackage> };
const { workspaces } = read('package.json') as { workspaces: readonly string[] };

const manifests = globSync(
  workspaces.map((workspace) => `${workspace}/package.json`),
  { cwd: root },
);
const unlocked = ['package.json', ...manifests].filter((path) => {
  const { dependencies, devDependencies } = read(path) as LockedPackage;
  const locked = packages[path.replace(/\/?package\.json$/, '')];
  return locked === undefined || !isSame(dependencies, locked.dependencies) || !isSame(devDependencies, locked.devDependencies);
});
if (unlocked.length > 0) {
  console.error(`package-lock.json does not have the dependencies of:\n  ${unlocked.join('\n  ')}`);
  console.error('Fix: npm install');
  process.exitCode = 1;
}

function isSame(a: Dependencies = {}, b: Dependencies = {}): boolean {
  const entries = (of: Dependencies) => JSON.stringify(Object.entries(of).toSorted());
  return entries(a) === entries(b);
}

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
