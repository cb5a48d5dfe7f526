import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

export const deploy = resolve(import.meta.dirname, '../../deploy');

export interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly args: Readonly<Record<string, string>> };
  readonly environment?: Readonly<Record<string, string | number | null>>;
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly volumes?: readonly string[];
  readonly deploy?: { readonly resources: { readonly limits: Readonly<Record<string, string>> } };
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks?: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes?: Readonly<Record<string, object>>;
}

/** The file as an engine reads it, with these variables in `.env`. @throws for a variable that must be there and is not. */
export async function readCompose(file: string, variables: Readonly<Record<string, string>>): Promise<ComposeFile> {
  const text = await readFile(join(deploy, file), 'utf8');
  return interpolate(parse(text, { merge: true }), variables) as ComposeFile;
}

function interpolate(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string')
    return value.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (...match) => replace(match as string[], variables));
  if (Array.isArray(value)) return value.map((each) => interpolate(each, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, interpolate(each, variables)]));
}

function replace([, name = '', sign, rest = '']: readonly string[], variables: Readonly<Record<string, string>>): string {
  const value = variables[name];
  if (value) return value;
  if (sign === '-') return rest;
  throw new Error(`${name} is not set: ${rest}`);
}

/** The environment of a service as its process sees it: a variable without a value comes from `variables`, or is not there. */
export function environmentOf({ environment = {} }: ComposeService, variables: Readonly<Record<string, string>>): Record<string, string> {
  const all = Object.entries(environment).map(([name, value]) => [name, value === null ? variables[name] : String(value)] as const);
  return Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
