import type { FieldError } from '@stoa/service';
import { type TString, Type } from 'typebox';

export interface TextOptions {
  readonly minLength?: number;
  readonly maxLength: number;
  /** Line breaks and tabs are allowed. */
  readonly multiline?: boolean;
  readonly description?: string;
  readonly examples?: string[];
}

/** Text that people write: NFC, well-formed, without control characters, a hundred marks on a letter at most; lengths in code points. */
export const Text = ({ multiline = false, ...options }: TextOptions): TString =>
  Type.String({ ...options, ...(multiline ? { 'x-multiline': true } : { singleLine: true }) });

/** The keyword behind `Text`: a single line has no line breaks and no tabs. */
export const singleLineKeyword = {
  keyword: 'singleLine',
  type: 'string',
  schemaType: 'boolean',
  error: { message: 'must be a single line without tabs' },
  validate: (_schema: boolean, text: string) => !/[\t\n\r\u2028\u2029]/.test(text),
} as const;

const MAX_DEPTH = 32;
/** C0 but tab, line feed and carriage return; DEL; C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/**
 * More marks on a letter than any script has, and than most play needs: bringing n of them into their order takes n² steps, for a megabyte
 * minutes. U+FF9E and U+FF9F are marks once they are folded. Looks behind, so that it takes no longer itself than the text is long.
 */
const TOO_MANY_MARKS = /(?<![\p{M}\uff9e\uff9f])[\p{M}\uff9e\uff9f]{101}/u;

export class TooDeep extends Error {}

/** As many faults as help: a body full of them must not make a long answer, or much work. */
const MAX_FAULTS = 20;

/**
 * Checks every string of a parsed body, names of properties too, and brings the texts into Unicode's normal form C, in place.
 * @returns the fields that no part of the house may store: ill-formed UTF-16, control characters, more than 100 marks on a letter.
 * @throws TooDeep beyond 32 levels.
 */
export function normaliseTexts(body: unknown): FieldError[] {
  const faults: FieldError[] = [];
  const isText = (text: string, path: string): boolean => {
    const message = faultOf(text);
    if (message !== undefined && faults.length < MAX_FAULTS) faults.push({ path: path || '/', message });
    return message === undefined;
  };
  const visit = (value: unknown, path: string, depth: number): unknown => {
    if (typeof value === 'string') return isText(value, path) ? value.normalize('NFC') : value;
    if (typeof value !== 'object' || value === null) return value;
    if (depth === MAX_DEPTH) throw new TooDeep();
    const container = value as Record<string, unknown>;
    for (const key of Object.keys(container)) {
      const place = `${path}/${pointer(key)}`;
      isText(key, place);
      container[key] = visit(container[key], place, depth + 1);
    }
    return value;
  };
  visit(body, '', 0);
  return faults;
}

function faultOf(text: string): string | undefined {
  if (!text.isWellFormed()) return 'is not well-formed Unicode text';
  if (CONTROL.test(text)) return 'must not contain control characters';
  return TOO_MANY_MARKS.test(text) ? 'must not have more than 100 marks on a letter' : undefined;
}

/** A name as part of a JSON pointer (RFC 6901). Shortened, as it is the client's. */
export const pointer = (name: string): string => name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
