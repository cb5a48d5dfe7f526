import { fold } from './fold.ts';

/** Of a longer word its beginning is enough: code points. */
const LONGEST_WORD = 64;
/** A search of more words says nothing more. */
const MOST_TERMS = 16;

/** Letters and digits with their marks, and apostrophes between them. */
const RUN = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:'[\p{L}\p{N}][\p{L}\p{N}\p{M}]*)*/gu;
/** Scripts in which what is searched for may stand anywhere in a run: they set no blanks between words, or put endings to them. */
const INSIDE = /(?:[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}\u30fc]\p{M}*)+/gu;
const LETTER = /[\p{L}\p{N}]\p{M}*/gu;

/**
 * The different words of a text, as an index keeps them: folded, letters and digits alone. A word with an apostrophe is there as a whole and in
 * its parts (`dont`, `don`, `t`). A run of Chinese, Japanese, Korean, Thai, Lao, Khmer or Burmese is there by its letters and its pairs of
 * letters, so that a search finds what stands inside of it without a dictionary.
 */
export const wordsOf = (text: string): string[] => distinct(partsOf(text, indexed));

/** The words that a search looks for, 16 at most; none in a text without a letter or digit. */
export const termsOf = (q: string): string[] => distinct(partsOf(q, searched)).slice(0, MOST_TERMS);

interface Form {
  word(run: string): readonly string[];
  inside(letters: readonly string[]): readonly string[];
}

const indexed: Form = {
  word: (run) => (run.includes("'") ? [run.replaceAll("'", ''), ...run.split("'")] : [run]),
  inside: (letters) => [...letters, ...pairsOf(letters)],
};

const searched: Form = {
  word: (run) => [run.replaceAll("'", '')],
  inside: (letters) => (letters.length === 1 ? letters : pairsOf(letters)),
};

function partsOf(text: string, form: Form): string[] {
  const words: string[] = [];
  for (const [run] of fold(text).matchAll(RUN)) {
    let end = 0;
    for (const { 0: inside, index } of run.matchAll(INSIDE)) {
      addWord(run.slice(end, index));
      words.push(...form.inside(inside.match(LETTER) ?? []));
      end = index + inside.length;
    }
    addWord(run.slice(end));
  }
  return words;

  function addWord(part: string): void {
    const word = part.replace(/^[\p{M}']+|'+$/gu, '');
    if (word !== '') words.push(...form.word(word).map(shorten));
  }
}

const pairsOf = (letters: readonly string[]): string[] => letters.slice(1).map((letter, index) => `${letters[index]}${letter}`);

const distinct = (words: readonly string[]): string[] => [...new Set(words)];

const shorten = (word: string): string => (word.length <= LONGEST_WORD ? word : [...word].slice(0, LONGEST_WORD).join(''));
