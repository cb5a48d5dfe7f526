import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { accessTable } from './reports/access.ts';
import { configurationTable, environmentExample } from './reports/configuration.ts';
import { deploymentFiles } from './reports/deployment.ts';
import { gatewayDirectory } from './reports/directory.ts';
import { apiDocuments } from './reports/documents.ts';
import { permissionsModule } from './reports/permissions.ts';
import { schemaReports } from './reports/schemas.ts';

/**
 * `npm run reports` writes what is generated from the code: APIs, events, tables and their rows, settings, and how it is deployed. They are
 * committed, so that the diff of a change shows what it does to others. `--check` writes nothing, shows the difference and fails on one.
 */
const root = join(import.meta.dirname, '..');
const reference = 'docs/reference';
const isCheck = process.argv.includes('--check');

const permissionsPath = 'contracts/src/permissions.generated.ts';
const permissions = await permissionsModule();
// The services of this process have loaded the former list, and the documents would be made of it.
if (!isCheck && permissions !== committed(permissionsPath)) {
  writeFileSync(join(root, permissionsPath), permissions);
  process.exit(spawnSync(process.execPath, process.argv.slice(1), { stdio: 'inherit' }).status ?? 1);
}

const reports = new Map([
  ['.env.example', environmentExample()],
  [permissionsPath, permissions],
  [`${reference}/access.md`, await accessTable()],
  [`${reference}/configuration.md`, configurationTable()],
  ...deploymentFiles(),
  ['services/gateway/src/directory.generated.json', await gatewayDirectory()],
  ...(await apiDocuments()).map(([name, text]): [string, string] => [`${reference}/${name}`, text]),
  ...(await schemaReports()),
]);
const made = [`${reference}/**/*.{json,md}`, '{contracts,packages/*,services/*}/src/**/*.generated.*', 'deploy/kubernetes/base/*.yaml'];
const outdated = globSync(made, { cwd: root }).filter((path) => !reports.has(path));

if (isCheck) check();
else {
  const changed = [...reports].filter(([path, text]) => text !== committed(path)).map(([path]) => path);
  writeTo(root);
  for (const path of outdated) rmSync(join(root, path));
  for (const path of [...changed, ...outdated]) console.log(`  ${path}`);
  console.log(`reports: ${changed.length} of ${reports.size} changed, ${outdated.length} removed`);
}

function committed(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

function writeTo(folder: string) {
  for (const [path, text] of reports) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function check() {
  const fresh = mkdtempSync(join(tmpdir(), 'stoa-reports-'));
  try {
    writeTo(fresh);
    const differing = [...reports.keys()].filter((path) => {
      const names = ['--label', `committed ${path}`, '--label', `generated ${path}`];
      return (
        spawnSync('diff', ['-uN', ...names, join(root, path), join(fresh, path)], { stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0
      );
    });
    for (const path of outdated) console.error(`${path} is no longer generated`);
    if (differing.length + outdated.length === 0) return console.log('reports: as committed');
    console.error('reports: run "npm run reports" and commit what it writes');
    process.exitCode = 1;
  } finally {
    rmSync(fresh, { recursive: true });
  }
}
