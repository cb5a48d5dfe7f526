import { expect, test } from 'vitest';
import { emailAddressForm } from './email-address.ts';

test.for([
  ['Ada@Example.COM', 'ada@example.com'],
  ['  ada@example.com\n', 'ada@example.com'],
  ['ada@Bücher.example', 'ada@xn--bcher-kva.example'],
  ['ada@ｅｘａｍｐｌｅ。ｃｏｍ', 'ada@example.com'],
  ['A@b@Example.com', 'a@b@example.com'],
])('%j has the form %s', ([text, form]) => {
  expect(emailAddressForm(text as string)).toBe(form);
});

test.for(['', 'Ada', '@Example.com', 'ada@', 'ada@exa mple.com', 'ada@Example.com/X', 'ada@\ud800.com'])(
  '%j, which is no address, is lower-cased alone',
  (text) => {
    expect(emailAddressForm(text)).toBe(text.toLowerCase());
  },
);
