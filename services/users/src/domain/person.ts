import { parseEmailAddress } from './email-address.ts';
import { parseFullName } from './full-name.ts';
import { parseLogin } from './login.ts';
import type { Parsed } from './parsed.ts';
import { type PasswordContext, parsePassword } from './password-rules.ts';
import { parsePhoneNumber } from './phone-number.ts';

/** What a person typed, or somebody for them. */
export interface PersonDraft {
  readonly email: string;
  readonly password?: string;
  readonly login?: string;
  readonly phone?: string;
  readonly fullName?: string;
}

/** The same in the form that is stored; the password is in the form that is hashed, null where the person is to choose one later. */
export interface Person {
  readonly email: string;
  readonly password: string | null;
  readonly login: string | null;
  readonly phone: string | null;
  readonly fullName: string | null;
}

export interface Refusal {
  readonly field: keyof PersonDraft;
  readonly message: string;
}

export interface PersonRules extends Pick<PasswordContext, 'limit' | 'isCommon'> {
  /** The region in which a national phone number is read. */
  readonly defaultRegion?: string | undefined;
}

interface Refused {
  readonly refusals: readonly Refusal[];
}

/** Reads every field, so that a person is told all that is wrong at once. @param rules with `passwordless` the password may lack. */
export function parsePerson(draft: PersonDraft, rules: PersonRules & { passwordless: boolean }): { person: Person } | Refused;
export function parsePerson(draft: PersonDraft, rules: PersonRules): { person: Person & { password: string } } | Refused;
export function parsePerson(
  draft: PersonDraft,
  { defaultRegion, limit, isCommon, passwordless = false }: PersonRules & { passwordless?: boolean },
): { person: Person } | Refused {
  const refusals: Refusal[] = [];
  const read = <T>(field: keyof PersonDraft, parse: (text: string) => Parsed<T>): T | undefined => {
    const text = draft[field];
    if (text === undefined) return undefined;
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    refusals.push(...parsed.refused.map((message) => ({ field, message })));
    return undefined;
  };

  const email = read('email', parseEmailAddress);
  const login = read('login', parseLogin);
  const phone = read('phone', (text) => parsePhoneNumber(text, defaultRegion));
  const fullName = read('fullName', parseFullName);
  const password = read('password', (text) => parsePassword(text, { email, login, limit, isCommon }));
  if (draft.password === undefined && !passwordless) refusals.push({ field: 'password', message: 'is required' });
  if (email === undefined || refusals.length > 0) return { refusals };
  return { person: { email, password: password ?? null, login: login ?? null, phone: phone ?? null, fullName: fullName ?? null } };
}
