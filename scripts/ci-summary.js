// Adds up what `.ci/run` has run: each test is one, and so is each step without tests. The last line says it plainly.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
let passed = 0;
let failed = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith('.status'))) {
  const step = file.slice(0, -'.status'.length);
  const isOk = readFileSync(join(folder, file), 'utf8').trim() === 'ok';
  const report = join(folder, `${step}.json`);
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { numPassedTests: isOk ? 1 : 0, numFailedTests: 0 };
  // A step can fail without a failed test: a file that does not load, a clean-up that throws, a crash.
  const failures = isOk ? 0 : Math.max(1, counts.numFailedTests);
  console.log(`${step}: ${counts.numPassedTests} passed, ${failures} failed`);
  passed += counts.numPassedTests;
  failed += failures;
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
