// Runs before every npm script that needs the packages: installs what the lock file says and is not there yet, the
// repository's own Node included. Plain JavaScript, as the Node that runs it may be as old as 20.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamp = join(root, 'node_modules/.stoa-installed');
const nodePackage = join(root, 'node_modules/node');
const node = join(nodePackage, 'bin/node');
const installing = join(root, '.installing');
/** An installation touches its lock every 5 s; one that has not for this long was killed. */
const STALE_MS = 20_000;

const major = Number(process.versions.node.split('.')[0]);
if (major < 20)
  fail(
    `Stoa needs Node 20 or newer to begin with; this is ${process.version}.`,
    'Install a newer Node from your system or https://nodejs.org',
  );

if (!isInstalled()) {
  await enter();
  try {
    if (!isInstalled()) await install();
  } finally {
    rmSync(installing, { recursive: true, force: true });
  }
}

function isInstalled() {
  return existsSync(node) && existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint();
}

function fingerprint() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** Two starts at once: the second waits until the first has installed. */
async function enter() {
  for (;;) {
    try {
      mkdirSync(installing);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`${root} cannot be written to (${error.code}).`, 'Run this as the user who owns the folder.');
    }
    if (Date.now() - statSync(installing, { throwIfNoEntry: false })?.mtimeMs > STALE_MS)
      rmSync(installing, { recursive: true, force: true });
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function install() {
  console.error('Stoa: installing packages (once, about half a minute) …');
  const begun = Date.now();
  // A clean install where there is nothing; else only the difference, as another Stoa may be running on these packages.
  const command = existsSync(join(root, 'node_modules')) ? ['install', '--no-save'] : ['ci'];
  const result = await run('npm', [...command, '--no-audit', '--no-fund', '--loglevel=error'], root);
  if (result === 'ENOENT') fail('npm was not found.', 'Install npm; Debian: apt-get install npm');
  if (result !== 0)
    fail(`"npm ${command[0]}" failed.`, 'See its lines above: no network, no space left and a lock file that does not fit are the usual causes.');
  // The package `node` fetches the binary of this platform in an install script, which a strict npm does not run.
  if (!existsSync(node)) await run(process.execPath, ['installArchSpecificPackage'], nodePackage);
  if (!existsSync(node)) fail('Node 26 could not be installed.', 'See the lines above; "npm ci" in the repository shows more.');
  writeFileSync(stamp, fingerprint());
  console.error(`Stoa: installed in ${Math.round((Date.now() - begun) / 1000)} s.`);
}

/** @returns the exit code, or why the program could not be run. */
async function run(program, args, cwd) {
  const alive = setInterval(() => utimesSync(installing, new Date(), new Date()), 5_000);
  try {
    const [code] = await once(spawn(program, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] }), 'close');
    return code;
  } catch (error) {
    return error.code;
  } finally {
    clearInterval(alive);
  }
}

function fail(cause, fix) {
  rmSync(installing, { recursive: true, force: true });
  console.error(`stoa: ${cause}\nFix: ${fix}`);
  process.exit(69);
}
