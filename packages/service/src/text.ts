/**
 * What a reader sees nothing of where it stands alone: blanks, line ends, what is to be ignored where it cannot be shown (fillers of Hangul,
 * joiners, selectors), control and format characters, private and unassigned ones, marks without a letter, and the blank symbols that Unicode
 * counts among the visible ones: of Braille, of musical notation, of hieroglyphs, and the place of an object.
 */
const INVISIBLE = '\\p{White_Space}\\p{Default_Ignorable_Code_Point}\\p{C}\\p{M}\\u2800\\u{1d159}\\u{13441}\\u{13442}\\ufffc';

const VISIBLE = new RegExp(`[^${INVISIBLE}]`, 'u');

/** Whether a reader sees anything of the text. Takes as long as the text is, at most. */
export const hasVisibleCharacter = (text: string): boolean => VISIBLE.test(text);
