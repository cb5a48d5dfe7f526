import type { FieldError } from '@stoa/service';
import { parseEmailAddress } from '../domain/email-address.ts';
import { type PasswordLimit, parsePassword } from '../domain/password-rules.ts';
import { type PersonDraft, parsePerson } from '../domain/person.ts';
import { type ProfileDraft, parseProfile } from '../domain/profile.ts';

/** What the domain refuses of the fields of a body of which others are wrong: for `config.rules` of a route. */
export interface FieldRules {
  /** @param passwordless the password may lack. */
  person(draft: object, passwordless: boolean): Promise<FieldError[]>;
  profile(draft: object): FieldError[];
  email(draft: { readonly email?: string }): FieldError[];
  /** Of a person who is not known yet: a name in it is found by the use case alone. */
  password<Field extends string>(field: Field): (draft: { readonly [field in Field]?: string }) => Promise<FieldError[]>;
}

export interface FieldRulesOptions {
  readonly limit: PasswordLimit;
  readonly commonPasswords: () => Promise<(lowerCased: string) => boolean>;
  readonly defaultRegion: string | undefined;
}

export function createFieldRules({ limit, commonPasswords, defaultRegion }: FieldRulesOptions): FieldRules {
  return {
    async person(draft, passwordless) {
      const parsed = parsePerson(draft as PersonDraft, { defaultRegion, limit, isCommon: await commonPasswords(), passwordless });
      return 'refusals' in parsed ? parsed.refusals.map(toFieldError) : [];
    },
    profile(draft) {
      const parsed = parseProfile(draft as ProfileDraft, { defaultRegion });
      return 'refusals' in parsed ? parsed.refusals.map(toFieldError) : [];
    },
    email({ email }) {
      const parsed = email === undefined ? undefined : parseEmailAddress(email);
      return parsed && 'refused' in parsed ? parsed.refused.map((message) => ({ path: '/email', message })) : [];
    },
    password: (field) => async (draft) => {
      const text = draft[field];
      const parsed = text === undefined ? undefined : parsePassword(text, { limit, isCommon: await commonPasswords() });
      return parsed && 'refused' in parsed ? parsed.refused.map((message) => ({ path: `/${field}`, message })) : [];
    },
  };
}

const toFieldError = ({ field, message }: { readonly field: string; readonly message: string }): FieldError => ({
  path: `/${field}`,
  message,
});
