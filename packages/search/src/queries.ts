/** As PostgreSQL reads it: all of the terms, the last one perhaps only begun. Terms are letters and digits alone, so that none needs escaping. */
export const exactly = (terms: readonly string[]): string => `${terms.map((term) => `'${term}'`).join(' & ')}:*`;

/** All of the terms, each as one of the words that are spelt like it. */
export const alike = (terms: readonly SpeltTerm[]): string =>
  terms.map(({ term, words }) => `('${term}':*${words.map((word) => ` | '${word}'`).join('')})`).join(' & ');

export interface SpeltTerm {
  readonly term: string;
  /** The known words that are spelt like it. */
  readonly words: readonly string[];
}
