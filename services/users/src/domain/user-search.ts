/** How a text is looked for among the names, addresses, logins and numbers of accounts. */
export interface UserSearch {
  /** Lower-cased, without what people write into phone numbers. */
  readonly text: string;
  /** Whether it may stand anywhere; else it begins a word. */
  readonly anywhere: boolean;
  /** Where it looks like the beginning of one of these, and of nothing else: that is looked for first. */
  readonly begins?: { readonly fields: readonly ('email' | 'login' | 'phone')[]; readonly value: string } | undefined;
}

/** Fewer characters stand in nearly every name, so that they are only looked for where a word begins. */
const MIN_ANYWHERE = 3;
/** As many digits as no other thing than a phone number has. */
const MIN_PHONE_DIGITS = 6;
const PHONE = /^[+0-9 ()/.-]+$/;

/** @returns `undefined` for a text without a letter or digit: it finds nothing. */
export function parseUserSearch(q: string): UserSearch | undefined {
  const text = q.normalize('NFC').trim().replaceAll(/\s+/g, ' ').toLowerCase();
  if (!/[\p{L}\p{N}]/u.test(text)) return undefined;
  const digits = text.replaceAll(/\D/g, '');
  if (PHONE.test(text) && digits.length >= MIN_PHONE_DIGITS) {
    // Numbers are stored as +4930…: neither 00 nor the 0 before an area code is in them.
    const number = digits.replace(/^0+/, '');
    const begins = /^(\+|00)/.test(text) ? ({ fields: ['phone'], value: `+${number}` } as const) : undefined;
    return { text: number, anywhere: true, begins };
  }
  const anywhere = [...text].length >= MIN_ANYWHERE;
  return { text, anywhere, begins: anywhere ? beginningOf(text) : undefined };
}

/** Names have neither @ nor digits. */
function beginningOf(text: string): UserSearch['begins'] {
  if (/^[^@ ]+@[^@ ]*$/.test(text)) return { fields: ['email'], value: text };
  return /^\S*\d\S*$/.test(text) ? { fields: ['email', 'login'], value: text } : undefined;
}
