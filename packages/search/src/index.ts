export { fold } from './fold.ts';
export { alike, exactly, type SpeltTerm } from './queries.ts';
export { learnWords, speltAlike } from './spelling.ts';
export { termsOf, wordsOf } from './words.ts';
