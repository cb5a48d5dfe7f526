// Reduces this copy of the repository to one service: removes the folders of the other services and the dependencies of the apps on
// them, so that `npm ci` installs nothing that only they need. Versions are still those of the lock file. Run it only in the build of
// the image, as it deletes files: node deploy/image/only-service.js users
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const chosen = process.argv[2];
const services = readdirSync('services');
if (!services.includes(chosen)) {
  console.error(`SERVICE=${chosen}: there is no such service.\nFix: choose from ${services.join(', ')}, as --build-arg SERVICE=…`);
  process.exit(64);
}
const others = services.filter((service) => service !== chosen);
for (const other of others) rmSync(`services/${other}`, { recursive: true });
// Only the gateway serves the documents of services that are elsewhere.
if (chosen !== 'gateway') rmSync('docs', { recursive: true });

for (const file of ['apps/server/package.json', 'apps/assembly/package.json']) {
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  for (const other of others) delete manifest.dependencies[`@stoa/${other}`];
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}
