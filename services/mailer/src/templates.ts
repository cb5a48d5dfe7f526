import { type Static, Type } from 'typebox';

/** What every mail that greets a person knows of him. */
const greeting = { name: Type.Union([Type.String({ minLength: 1, maxLength: 200 }), Type.Null()]) };

/**
 * The mails there are. `data` is what must be known when one is queued; a template that is `coded` also gets a code, but
 * only when it leaves. Each has two files in `templates/`: `<name>.html.hbs` and `<name>.text.hbs`.
 */
export const templates = {
  welcome: {
    subject: 'Welcome to Stoa: activate your account',
    data: Type.Object(greeting, { additionalProperties: false }),
    coded: true,
  },
  'activation-code': {
    subject: 'Your new activation code for Stoa',
    data: Type.Object(greeting, { additionalProperties: false }),
    coded: true,
  },
} as const;

export type TemplateName = keyof typeof templates;
export type TemplateData<Name extends TemplateName> = Static<(typeof templates)[Name]['data']>;
