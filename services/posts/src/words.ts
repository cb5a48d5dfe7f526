/** Of a longer one its beginning is enough. */
const LONGEST_WORD = 64;
/** A search of more words says nothing more. */
const MOST_TERMS = 16;

const RUN = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu;
/** Scripts that set no blanks between words. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const segmenter = new Intl.Segmenter('und', { granularity: 'word' });

/** The different words of a text in the form in which they are compared: without case and accents, letters and digits alone. */
export function wordsOf(text: string): string[] {
  const runs = fold(text).match(RUN) ?? [];
  const words = runs.flatMap((run) => (UNSPACED.test(run) ? [...segmenter.segment(run)].map(({ segment }) => segment) : run));
  return [...new Set(words.map(shorten))];
}

/** The words that are looked for; none in a text without a letter or digit. */
export const termsOf = (q: string): string[] => wordsOf(q).slice(0, MOST_TERMS);

/** As PostgreSQL reads it: all of the words, the last one perhaps only begun. Words need no escaping, as there are but letters and digits in them. */
export const exactly = (terms: readonly string[]): string => `${terms.map((term) => `'${term}'`).join(' & ')}:*`;

/** All of the terms, each as one of the words that are spelt like it. */
export const alike = (terms: readonly { readonly term: string; readonly words: readonly string[] }[]): string =>
  terms.map(({ term, words }) => `('${term}':*${words.map((word) => ` | '${word}'`).join('')})`).join(' & ');

/** By upper case, as `ß` and `ss` are the same there; a sigma at the end is one that others may follow. */
const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/[\u0300-\u036f\p{Variation_Selector}]/gu, '')
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .replaceAll('ς', 'σ');

const shorten = (word: string): string => (word.length <= LONGEST_WORD ? word : [...word].slice(0, LONGEST_WORD).join(''));
