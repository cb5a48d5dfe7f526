// Runs before every npm script that needs the packages: installs what the lock file says and is not there yet, the
// repository's own Node included. Plain JavaScript, as the Node that runs it may be as old as 20.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lockFile = join(root, 'package-lock.json');
/** What npm itself writes last, when everything is in place. */
const installedFile = join(root, 'node_modules/.package-lock.json');
/** The hash of the lock file that was found to be installed, so that the next start need not compare. */
const stamp = join(root, 'node_modules/.stoa-installed');
const nodePackage = join(root, 'node_modules/node');
const nodeBinary = join(nodePackage, 'bin/node');
/** What the scripts run; a link to the binary. */
const node = join(root, 'node_modules/.bin/node');
/** Exists during an installation, and is touched every 5 s; one not touched for `STALE_MS` belongs to a process that was killed. */
const installing = join(root, '.installing');
const STALE_MS = 20_000;
let isInside = false;
let child;

/** What npm says when it fails, what that means, and what helps. */
const npmFailures = [
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET|network/i,
    'the npm registry cannot be reached.',
    'Connect to the internet, or set the proxy: npm config set https-proxy http://…',
  ],
  [/ENOSPC/, 'the disk is full.', 'Make room: about 700 MB are needed.'],
  [
    /EACCES|EPERM|EROFS/,
    'npm may not write here.',
    `Run this as the owner of ${root}, or give the folder to this user: sudo chown -R "$USER" ${root}`,
  ],
  [
    /EUSAGE|in sync/,
    'package.json and package-lock.json do not fit together.',
    'Restore them with git, or run "npm install" if you changed package.json.',
  ],
];

if (Number(process.versions.node.split('.')[0]) < 20) {
  fail(
    `Stoa needs Node 20 or newer to begin with; this is ${process.version}.`,
    'Install a newer Node from your system or https://nodejs.org',
  );
}
if (!isInstalled()) {
  await enter();
  if (!isInstalled()) await install();
  leave();
}

function isInstalled() {
  const lock = readFileSync(lockFile, 'utf8');
  const fingerprint = createHash('sha256').update(lock).digest('hex');
  if (!existsSync(node)) return false;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint) return true;
  if (!existsSync(installedFile) || !holds(JSON.parse(readFileSync(installedFile, 'utf8')).packages, JSON.parse(lock).packages))
    return false;
  writeFileSync(stamp, fingerprint);
  return true;
}

/** Whether all required packages are there; optional ones may be missing, as they are for other platforms. */
function holds(installed, wanted) {
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (!path.startsWith('node_modules/')) return true;
    const found = installed[path];
    return found ? found.version === version && found.integrity === integrity : optional === true;
  });
}

/** Two starts at once: the second waits until the first has installed. */
async function enter() {
  for (let waits = 0; ; waits += 1) {
    try {
      mkdirSync(installing);
      isInside = true;
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, stop);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST')
        fail(`${root} cannot be written to (${error.code}).`, 'Run this as the owner of the folder, or in a copy of your own.');
    }
    if (waits === 10) console.error('Stoa: another start is installing the packages; waiting for it …');
    if (Date.now() - statSync(installing, { throwIfNoEntry: false })?.mtimeMs > STALE_MS) leave();
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function stop(signal) {
  child?.kill(signal);
  leave();
  process.exit(130);
}

function leave() {
  rmSync(installing, { recursive: true, force: true });
}

async function install() {
  console.error('Stoa: installing packages, once; this takes about half a minute …');
  const begun = Date.now();
  const npm = await run('npm', ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'], root);
  if (npm.code === 'ENOENT') fail('npm was not found.', 'Install it; Debian: apt-get install npm');
  if (npm.code !== 0) failInstalling(npm.errors);
  // The package `node` fetches the binary of this platform in an install script. A strict npm does not run it, nor links what is not there.
  if (!existsSync(nodeBinary)) {
    const script = await run(process.execPath, ['installArchSpecificPackage'], nodePackage);
    if (script.code !== 0 || !existsSync(nodeBinary)) failInstalling(script.errors);
  }
  if (!existsSync(node)) {
    mkdirSync(dirname(node), { recursive: true });
    rmSync(node, { force: true });
    symlinkSync('../node/bin/node', node);
  }
  if (!isInstalled()) fail('npm has not installed all that package-lock.json names.', 'Remove node_modules and run this again.');
  console.error(`Stoa: installed in ${Math.round((Date.now() - begun) / 1000)} s.`);
}

/** @returns the exit code, or why the program could not be run; and what it wrote to its error stream. */
async function run(program, args, cwd) {
  const alive = setInterval(() => utimesSync(installing, new Date(), new Date()), 5_000);
  let errors = '';
  try {
    child = spawn(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
    });
    const [code] = await once(child, 'close');
    return { code, errors };
  } catch (error) {
    return { code: error.code, errors };
  } finally {
    clearInterval(alive);
  }
}

function failInstalling(errors) {
  const [, cause, fix] = npmFailures.find(([pattern]) => pattern.test(errors)) ?? [];
  if (cause) fail(`the packages could not be installed: ${cause}`, fix);
  fail(`the packages could not be installed: ${errors.trim().split('\n')[0]}`, '"npm ci" in the repository shows all of it.');
}

function fail(cause, fix) {
  if (isInside) leave();
  console.error(`stoa: ${cause}\nFix: ${fix}`);
  process.exit(69);
}
