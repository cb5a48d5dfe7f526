import { type Static, Type } from 'typebox';
import type { SecretKind } from './secrets.ts';

const Line = Type.String({ minLength: 1, maxLength: 300 });
const Known = Type.Union([Line, Type.Null()]);
/** What every mail that greets a person knows of them. */
const greeting = { name: Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()]) };

const MINUTE = 60;
const DAY = 86_400;

interface Template {
  readonly subject: string;
  readonly data: ReturnType<typeof Type.Object>;
  /** The secret that it gets when it leaves, and until then how long that will work. */
  readonly carries?: SecretKind;
  readonly worksSeconds?: number;
  /** A mail that could not leave for so long is wanted no more. */
  readonly patienceSeconds: number;
}

/** A person who waits for a code has long asked for another one. */
const coded = { carries: 'code', worksSeconds: MINUTE, patienceSeconds: 15 * MINUTE } as const;
/** Users makes no link for a request that is older. */
const linked = { carries: 'link', patienceSeconds: DAY } as const;
/** Late is better than never. */
const notice = { patienceSeconds: DAY } as const;

/**
 * The mails there are. `data` is what must be known when one is queued. Each has two files in `templates/`: `<name>.html.hbs` and
 * `<name>.text.hbs`. One that carries a link leads to the page `/account/<name>`.
 */
export const templates = {
  welcome: {
    subject: 'Welcome to Stoa: activate your account',
    data: Type.Object(greeting, { additionalProperties: false }),
    ...coded,
  },
  'activation-code': {
    subject: 'Your new activation code for Stoa',
    data: Type.Object(greeting, { additionalProperties: false }),
    ...coded,
  },
  'set-password': {
    subject: 'Set the password of your Stoa account',
    data: Type.Object(greeting, { additionalProperties: false }),
    worksSeconds: DAY,
    ...linked,
  },
  'reset-password': {
    subject: 'Reset your Stoa password',
    data: Type.Object(greeting, { additionalProperties: false }),
    worksSeconds: 30 * MINUTE,
    ...linked,
  },
  'confirm-email': {
    subject: 'Confirm the new address of your Stoa account',
    data: Type.Object(greeting, { additionalProperties: false }),
    worksSeconds: DAY,
    ...linked,
  },
  'email-change-requested': {
    subject: 'Another address is wanted for your Stoa account',
    data: Type.Object({ ...greeting, when: Line, newEmail: Known }, { additionalProperties: false }),
    ...notice,
  },
  'email-changed': {
    subject: 'The address of your Stoa account was changed',
    data: Type.Object({ ...greeting, when: Line, newEmail: Known }, { additionalProperties: false }),
    ...notice,
  },
  'new-device': {
    subject: 'New log-in to your Stoa account',
    data: Type.Object({ ...greeting, when: Line, address: Known, device: Known }, { additionalProperties: false }),
    ...notice,
  },
} as const satisfies Record<string, Template>;

export type TemplateName = keyof typeof templates;
export type TemplateData<Name extends TemplateName> = Static<(typeof templates)[Name]['data']>;

export const templateOf = (name: TemplateName): Template => templates[name];
/** Of a template that only a newer version knows, too. */
export const patienceOf = (name: string): number => (templates as Readonly<Record<string, Template>>)[name]?.patienceSeconds ?? DAY;
