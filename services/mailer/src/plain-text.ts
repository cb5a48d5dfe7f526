/** Control characters, and the separators that count as a line break somewhere. */
const BREAKS = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;
/** Marks that turn the direction of the text behind them, and characters without width: they can make a name read as something else. */
const INVISIBLE = /[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;
/** What a mail program would turn into a link: a stranger's advertisement with our name above it. */
const LINK = /:\/\/|\bwww\.|[\p{L}\p{N}-]\.\p{L}{2,}(?![\p{L}\p{N}.])/iu;
const LONGEST_NAME = 100;

/**
 * A stranger's text as it may stand in a mail: one line, nothing invisible, of bearable length. Escaping is not its business: the
 * HTML part escapes, the text part has nothing to escape, and no header ever holds such a text.
 * @returns `null` where nothing is left.
 */
export function plainText(text: string | null, longest: number): string | null {
  const plain = (text ?? '').toWellFormed().replace(BREAKS, ' ').replace(INVISIBLE, '').replace(/\s+/g, ' ').trim();
  return [...plain].slice(0, longest).join('').trim() || null;
}

/** A person's name. @returns `null` where nothing is left that one could greet, or where the name holds a link. */
export function plainName(name: string | null): string | null {
  const plain = plainText(name, Number.POSITIVE_INFINITY);
  return plain === null || LINK.test(plain) ? null : plainText(plain, LONGEST_NAME);
}
