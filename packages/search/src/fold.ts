/** Letters that have no decomposition in Unicode, as people without them on their keyboard write them. */
const LATIN: Readonly<Record<string, string>> = {
  ø: 'o',
  œ: 'oe',
  æ: 'ae',
  ł: 'l',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ħ: 'h',
  ŧ: 't',
  ŋ: 'n',
  ĸ: 'k',
};
const UNDECOMPOSED = new RegExp(`[${Object.keys(LATIN).join('')}]`, 'g');

/** What is written between two letters of a word: `'`, and what looks like it. */
const APOSTROPHES = /[\u2018\u2019\u02bb\u02bc\u2032\u0060\u00b4\uff07]/g;

/**
 * A text in the form in which texts are compared: without case, accents and width (NFKC of what is left of NFKD), each kind of apostrophe as
 * `'`. By upper case, as `ß` and `ss` are the same there; a sigma at the end is one that others may follow.
 */
export const fold = (text: string): string =>
  text
    .replaceAll(APOSTROPHES, "'")
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f\u20e3\p{Variation_Selector}]/gu, '')
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .replaceAll(UNDECOMPOSED, (letter) => LATIN[letter] as string);
