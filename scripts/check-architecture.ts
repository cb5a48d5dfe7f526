import { join } from 'node:path';
import { checkArchitecture } from './architecture/check-architecture.ts';

/** `node scripts/check-architecture.ts`: prints what breaks a boundary of the system, and fails if anything does. */
const violations = checkArchitecture(join(import.meta.dirname, '..'));
for (const { rule, says, path, line, what } of violations) console.error(`${path}:${line}  ${what}\n  ${rule}: ${says}`);
if (violations.length > 0) process.exitCode = 1;
else console.log('architecture: every boundary is kept');
