import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the test that docs/testing.md shows is one that runs', () => {
  expect(read('docs/testing.md')).toContain(`\`\`\`ts\n${read('services/posts/src/a-first-test.api.test.ts')}\`\`\`\n`);
});
