import { readdirSync, readFileSync } from 'node:fs';
import Handlebars from 'handlebars';
import { Compile } from 'typebox/compile';
import { MASK, type Secret } from './secrets.ts';
import { type TemplateData, type TemplateName, templateOf, templates } from './templates.ts';

const FOLDER = new URL('./templates/', import.meta.url);

export interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/**
 * Makes a finished mail; without a `secret`, the mask stands in its place.
 * @throws TypeError when there is no such template, or the data does not fit its schema.
 */
export type Renderer = <Name extends TemplateName>(name: Name, recipient: string, data: TemplateData<Name>, secret?: Secret) => Rendered;

type Template = Handlebars.TemplateDelegate;

interface Compiled {
  readonly html: Template;
  readonly text: Template;
  readonly schema: { Check(data: unknown): boolean };
}

/**
 * Reads and compiles every template once. A field that a template names and nobody gives is an error, not an empty place.
 * @param publicUrl what links begin with.
 */
export function createRenderer(publicUrl: string): Renderer {
  const html = withHelpers(Handlebars.create());
  for (const file of readdirSync(FOLDER)) {
    if (file.endsWith('.html.hbs')) html.registerPartial(file.replace('.html.hbs', ''), compile(html, file, false));
  }
  const text = withHelpers(Handlebars.create());
  const compiled = new Map(
    (Object.keys(templates) as TemplateName[]).map((name): [TemplateName, Compiled] => [
      name,
      { html: html.partials[name] as Template, text: compile(text, `${name}.text.hbs`, true), schema: Compile(templates[name].data) },
    ]),
  );

  return (name, recipient, data, secret) => {
    const template = compiled.get(name);
    if (!template?.schema.Check(data)) throw new TypeError(`there is no template "${name}", or the data of a mail does not fit it`);
    const { subject } = templateOf(name);
    const fields = { ...data, subject, recipient, ...secretFields(name, secret) };
    return { subject, text: template.text(fields), html: template.html(fields) };
  };

  function secretFields(name: TemplateName, secret: Secret | undefined): object {
    const { carries, worksSeconds = 0 } = templateOf(name);
    const { value, expiresInSeconds } = secret ?? { value: MASK, expiresInSeconds: worksSeconds };
    const validFor = duration(expiresInSeconds);
    switch (carries) {
      case 'code':
        return { code: value, validFor };
      case 'link':
        return { link: `${publicUrl}/account/${name}#token=${value}`, validFor };
      default:
        return {};
    }
  }
}

/** `or`: the first of two texts that is there. */
function withHelpers(environment: typeof Handlebars): typeof Handlebars {
  environment.registerHelper('or', (one: string | null, other: string) => one ?? other);
  return environment;
}

const compile = (environment: typeof Handlebars, file: string, noEscape: boolean): Template =>
  environment.compile(readFileSync(new URL(file, FOLDER), 'utf8'), { strict: true, noEscape });

/** `1 minute`, `90 seconds`, `10 minutes`, `24 hours`. */
function duration(seconds: number): string {
  const [amount, unit] =
    seconds % 3_600 === 0 ? [seconds / 3_600, 'hour'] : seconds % 60 === 0 ? [seconds / 60, 'minute'] : [seconds, 'second'];
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}
