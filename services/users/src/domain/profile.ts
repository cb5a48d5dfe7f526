import { parseEmailAddress } from './email-address.ts';
import { parseFullName } from './full-name.ts';
import { parseLogin } from './login.ts';
import type { Parsed } from './parsed.ts';
import type { Refusal } from './person.ts';
import { parsePhoneNumber } from './phone-number.ts';
import type { User } from './user.ts';

/** What is to be changed, as typed: absent stays as it is, null takes it away. */
export interface ProfileDraft {
  readonly email?: string;
  readonly login?: string | null;
  readonly phone?: string | null;
  readonly fullName?: string | null;
}

/** The same in the form that is stored. */
export interface ProfileChange {
  readonly email?: string;
  readonly login?: string | null;
  readonly phone?: string | null;
  readonly fullName?: string | null;
}

/** Reads every field by the rules of registration, so that a person is told all that is wrong at once. */
export function parseProfile(
  draft: ProfileDraft,
  { defaultRegion }: { readonly defaultRegion?: string | undefined },
): { change: ProfileChange } | { refusals: readonly Refusal[] } {
  const refusals: Refusal[] = [];
  const change: Record<string, string | null> = {};
  const read = (field: keyof ProfileDraft, parse: (text: string) => Parsed<string>): void => {
    const text = draft[field];
    if (text === undefined) return;
    const parsed = text === null ? { value: null } : parse(text);
    if ('value' in parsed) change[field] = parsed.value;
    else refusals.push(...parsed.refused.map((message) => ({ field, message })));
  };
  read('email', parseEmailAddress);
  read('login', parseLogin);
  read('phone', (text) => parsePhoneNumber(text, defaultRegion));
  read('fullName', parseFullName);
  return refusals.length > 0 ? { refusals } : { change: change as ProfileChange };
}

/** Which fields of `user` it would change. */
export const differences = (user: User, change: ProfileChange): readonly (keyof ProfileChange)[] =>
  (['email', 'login', 'phone', 'fullName'] as const).filter((field) => change[field] !== undefined && change[field] !== user[field]);

/** `user` itself where nothing differs. */
export const profileChanged = (user: User, change: ProfileChange, now: Date): User =>
  differences(user, change).length === 0 ? user : { ...user, ...change, version: user.version + 1, updatedAt: now };
