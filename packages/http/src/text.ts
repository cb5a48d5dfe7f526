import { type FieldError, hasVisibleCharacter } from '@stoa/service';
import { type TString, Type } from 'typebox';

export interface TextOptions {
  readonly minLength?: number;
  readonly maxLength: number;
  /** Line breaks and tabs are allowed. */
  readonly multiline?: boolean;
  readonly description?: string;
  readonly examples?: string[];
}

/** Text that people write, with a character that shows where there is a `minLength`: NFC, well-formed, without control characters, 30 marks on a letter at most; lengths in code points. */
export const Text = ({ multiline = false, ...options }: TextOptions): TString =>
  Type.String({
    ...options,
    ...(multiline ? { 'x-multiline': true } : { singleLine: true }),
    ...(options.minLength && { visible: true }),
  });

/** The keyword behind `Text`: a single line has no line breaks and no tabs. */
export const singleLineKeyword = {
  keyword: 'singleLine',
  type: 'string',
  schemaType: 'boolean',
  error: { message: 'must be a single line without tabs' },
  validate: (_schema: boolean, text: string) => !/[\t\n\r\u2028\u2029]/.test(text),
} as const;

/** The other keyword behind `Text`: blanks alone are no text. */
export const visibleKeyword = {
  keyword: 'visible',
  type: 'string',
  schemaType: 'boolean',
  error: { message: 'must have a visible character' },
  // That there is nothing at all is for `minLength` to say.
  validate: (_schema: boolean, text: string) => text === '' || hasVisibleCharacter(text),
} as const;

/** Nothing but printable ASCII and line breaks, as most texts are: there is nothing to check or to change in it. */
const PLAIN = /^[\t\n\r\x20-\x7e]*$/;
/** C0 but tab, line feed and carriage return; DEL; C1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** Many marks in a row, few of which make much work here. U+FF9E and U+FF9F are marks once they are folded. */
const MARKS = /[\p{M}\uff9e\uff9f]{8,}/gu;
/** As in the Stream-Safe Text Format (UAX #15 §13): more than any script has, and n marks take n² steps to be brought into their order. */
const MAX_MARKS = 30;

/** A place in a value: its name, below another place. */
interface ValuePath {
  readonly name: string;
  readonly above: ValuePath | undefined;
}

/**
 * Checks every string in a value, names of properties too, and brings the texts into Unicode's normal form C, in place.
 * @param part what stands before the pointers: nothing for a body.
 * @param budget so many UTF-16 units are brought into normal form, as that takes longer than all the rest.
 * @returns the fields that no part of Stoa may store: ill-formed UTF-16, control characters, more than 30 marks on a letter, or beyond the
 *   budget.
 */
export function normaliseTexts(value: unknown, part = '', budget = Number.POSITIVE_INFINITY): FieldError[] {
  const faults: FieldError[] = [];
  let left = budget;
  const visit = (value: unknown, place: ValuePath | undefined): unknown => {
    if (typeof value === 'string') {
      if (PLAIN.test(value)) return value;
      // First of all, as nothing else is then done with what is too long.
      const message = value.length > left ? 'must be shorter' : (faultOf(value) ?? faultOfMarks(value));
      if (message === undefined) {
        left -= value.length;
        return value.normalize('NFC');
      }
      faults.push({ path: pathOf(part, place), message });
      return value;
    }
    if (typeof value !== 'object' || value === null) return value;
    const container = value as Record<string, unknown>;
    for (const name of Object.keys(container)) {
      const below = { name, above: place };
      const message = PLAIN.test(name) ? undefined : faultOf(name);
      if (message !== undefined) faults.push({ path: pathOf(part, below), message });
      container[name] = visit(container[name], below);
    }
    return value;
  };
  visit(value, undefined);
  return faults;
}

function pathOf(part: string, place: ValuePath | undefined): string {
  const steps: string[] = [];
  for (let each = place; each !== undefined; each = each.above) steps.unshift(pointer(each.name));
  return `${part}/${steps.join('/')}`;
}

function faultOf(text: string): string | undefined {
  if (!text.isWellFormed()) return 'is not well-formed Unicode text';
  return CONTROL.test(text) ? 'must not contain control characters' : undefined;
}

const faultOfMarks = (text: string): string | undefined =>
  text.matchAll(MARKS).some(([run]) => run.length > MAX_MARKS && [...run].length > MAX_MARKS)
    ? `must not have more than ${MAX_MARKS} marks on a letter`
    : undefined;

/** A name as part of a JSON pointer (RFC 6901). Shortened, as it is the client's. */
export const pointer = (name: string): string => name.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
