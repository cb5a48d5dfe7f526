// Adds up what `.ci/run` has run: each test is one, and so is each step without tests. Says of each failed step what failed; the last line
// says how many passed and failed.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** So much of a step's output is shown when it failed without a failed test: a file that does not load, a clean-up that throws, a crash. */
const LAST_LINES = 25;

const folder = process.argv[2];
let passed = 0;
let failed = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith('.status'))) {
  const step = file.slice(0, -'.status'.length);
  const isOk = readFileSync(join(folder, file), 'utf8').trim() === 'ok';
  const report = join(folder, `${step}.json`);
  const { numPassedTests, testResults } = existsSync(report)
    ? JSON.parse(readFileSync(report, 'utf8'))
    : { numPassedTests: isOk ? 1 : 0, testResults: [] };
  const failedTests = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(
        ({ fullName, failureMessages }) => `${name}: ${fullName}\n    ${failureMessages.join('\n').split('\n').slice(0, 3).join('\n    ')}`,
      ),
  );
  const failures = isOk ? 0 : Math.max(1, failedTests.length);
  for (const test of failedTests) console.log(`FAILED in ${step}: ${test}`);
  if (failures > failedTests.length) console.log(`FAILED ${step}, which ended so:\n${lastLines(join(folder, `${step}.log`))}`);
  console.log(`${step}: ${numPassedTests} passed, ${failures} failed`);
  passed += numPassedTests;
  failed += failures;
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

function lastLines(log) {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  return lines
    .slice(-LAST_LINES)
    .map((line) => `    ${line}`)
    .join('\n');
}
