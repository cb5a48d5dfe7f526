import { hasVisibleCharacter } from '@stoa/service/text';
import { accepted, type Parsed, refused } from './parsed.ts';

const MAX_LENGTH = 200;
/** Control characters, line and paragraph separators: what could break a mail header. */
const NOT_ON_ONE_LINE = /[\p{Cc}\u2028\u2029]/u;

/** A name on one line, NFC, trimmed, of which something shows. */
export function parseFullName(text: string): Parsed<string> {
  if (!text.isWellFormed() || NOT_ON_ONE_LINE.test(text)) return refused('must be text on one line, without control characters');
  const name = text.normalize('NFC').trim();
  const length = [...name].length;
  if (!hasVisibleCharacter(name)) return refused('must have a visible character');
  return length > MAX_LENGTH ? refused(`must have at most ${MAX_LENGTH} characters`) : accepted(name);
}
