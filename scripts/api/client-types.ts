import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import openapiTypescript, { astToString } from 'openapi-typescript';

const tsc = join(import.meta.dirname, '../../node_modules/.bin/tsc');

/** The types that openapi-typescript makes of an OpenAPI document: the text of a module. */
export async function clientTypes(document: object): Promise<string> {
  return astToString(await openapiTypescript(JSON.stringify(document)));
}

/** Compiles modules by themselves, as in the project of somebody else. @param modules file name → text. @returns what the compiler says. */
export function compile(modules: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-client-'));
  try {
    for (const [name, text] of Object.entries(modules)) writeFileSync(join(folder, name), text);
    const settings = ['--noEmit', '--strict', '--module', 'nodenext', '--allowImportingTsExtensions', '--types', ''];
    const { stdout, error } = spawnSync(tsc, [...settings, ...Object.keys(modules)], { cwd: folder, encoding: 'utf8' });
    if (error !== undefined) throw error;
    return stdout.split('\n').filter((line) => line.includes('error TS'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
