import { expect, test } from 'vitest';
import { checkSettings, defaultSettings } from './settings.ts';

test('the defaults hold together', () => {
  expect(checkSettings(defaultSettings)).toBe(defaultSettings);
});

test.for([
  { inboxRetentionHours: defaultSettings.longestReplayHours },
  { longestReplayHours: defaultSettings.inboxRetentionHours + 1 },
  { sendWithinHours: defaultSettings.inboxRetentionHours },
  { outboxRetentionHours: defaultSettings.inboxRetentionHours },
])('an inbox that forgets before a message can come again is refused: %o', (changes) => {
  expect(() => checkSettings({ ...defaultSettings, ...changes })).toThrow(/inboxRetentionHours/);
});
