// Makes this copy of the repository that of one service: the other services' folders go, and what the apps depend on of them, so
// that `npm ci` brings nothing that only they need. Versions are still those of the lock file. Run in the image's build alone, as it
// deletes: node deploy/image/only-service.js users
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
