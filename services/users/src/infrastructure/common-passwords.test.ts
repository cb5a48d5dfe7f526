import { expect, test } from 'vitest';
import { createCommonPasswords } from './common-passwords.ts';

test('the passwords that are tried first are known, others are not', async () => {
  const isCommon = await createCommonPasswords()();
  for (const password of ['password', '12345678', '123456789', 'qwertyuiop', 'iloveyou', 'sunshine', 'trustno1', 'password1']) {
    expect(isCommon(password), password).toBe(true);
  }
  expect(isCommon('analytical engine 1843')).toBe(false);
});
