import { readdirSync, readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { Compile } from 'typebox/compile';
import { type TemplateData, type TemplateName, templates } from './templates.ts';

const FOLDER = new URL('./templates/', import.meta.url);
/** Stands where the code stands, in everything that is stored. */
export const MASK = '••••';

/** A code and how long it works, as users made it for this mail. */
export interface Code {
  readonly code: string;
  readonly expiresInSeconds: number;
}

export interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/**
 * Makes a finished mail; without a `code`, the mask stands in its place.
 * @throws TypeError when the data does not fit the template's schema.
 */
export type Renderer = <Name extends TemplateName>(name: Name, recipient: string, data: TemplateData<Name>, code?: Code) => Rendered;

type Template = Handlebars.TemplateDelegate;

interface Compiled {
  readonly html: Template;
  readonly text: Template;
  readonly schema: { Check(data: unknown): boolean };
}

/** Reads and compiles every template once. A field that a template names and nobody gives is an error, not an empty place. */
export function createRenderer(): Renderer {
  const html = Handlebars.create();
  for (const file of readdirSync(FOLDER)) {
    if (file.endsWith('.html.hbs')) html.registerPartial(file.replace('.html.hbs', ''), compile(html, file, false));
  }
  const text = Handlebars.create();
  const entries = (Object.keys(templates) as TemplateName[]).map((name): [TemplateName, Compiled] => [
    name,
    { html: html.partials[name] as Template, text: compile(text, `${name}.text.hbs`, true), schema: Compile(templates[name].data) },
  ]);
  const compiled = Object.fromEntries(entries) as Record<TemplateName, Compiled>;

  return (name, recipient, data, code = { code: MASK, expiresInSeconds: 60 }) => {
    const { subject } = templates[name];
    const template = compiled[name];
    if (!template.schema.Check(data)) throw new TypeError(`the data of a mail "${name}" does not fit its template`);
    const fields = { ...data, subject, recipient, code: code.code, validFor: duration(code.expiresInSeconds) };
    return { subject, text: template.text(fields), html: template.html(fields) };
  };
}

const compile = (environment: typeof Handlebars, file: string, noEscape: boolean): Template =>
  environment.compile(readFileSync(new URL(file, FOLDER), 'utf8'), { strict: true, noEscape });

/** `1 minute`, `90 seconds`, `10 minutes`. */
function duration(seconds: number): string {
  const [amount, unit] = seconds % 60 === 0 ? [seconds / 60, 'minute'] : [seconds, 'second'];
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}
