import { readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { type CallExpression, type MemberExpression, type Node, parseSync, Visitor } from 'oxc-parser';

/** One import, `import()` or re-export, of values or of types. */
export interface Import {
  readonly specifier: string;
  /** The imported file's path from the root of the repository; the bare specifier for what comes from elsewhere. */
  readonly target: string;
  /** Of the imported values. */
  readonly names: readonly string[];
  readonly typeOnly: boolean;
  readonly line: number;
}

/** What the rules need to know of a source file. */
export interface Module {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  /** The part it belongs to: `packages/http`, `services/users`, `apps/server`, `contracts`. */
  readonly part: string;
  readonly isTest: boolean;
  readonly imports: readonly Import[];
  /** Members of `process` that are used, calls of `listen` that open a port, and what makes a statement's parameters as many as its values. */
  readonly uses: readonly { readonly what: string; readonly line: number }[];
}

/** `packages/http/src/problem.ts` belongs to `packages/http`, and all of `contracts/` to `contracts`. */
export const partOf = (path: string): string => (path.startsWith('contracts/') ? 'contracts' : path.split('/').slice(0, 2).join('/'));

/** Tests, what a package exports for tests, and the suites that every adapter of a port passes (`transport-contract.ts`). */
const isTestCode = (path: string): boolean => /\.test\.ts$|-contract\.ts$|(^|\/)testing(\/|\.ts$)/.test(path);

/** @param parts where each `@stoa/…` lies: `@stoa/http` → `packages/http`. */
export function readModule(root: string, path: string, parts: ReadonlyMap<string, string>): Module {
  const source = readFileSync(join(root, path), 'utf8');
  const { module, program, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const lineAt = (offset: number) => source.slice(0, offset).split('\n').length;
  const imports: Import[] = [];
  const uses: { what: string; line: number }[] = [];

  const add = (specifier: string, offset: number, entries: readonly { importName: { name: string | null }; isType: boolean }[]) =>
    imports.push({
      specifier,
      target: resolve(path, specifier, parts),
      names: entries.flatMap(({ importName, isType }) => (isType ? [] : (importName.name ?? []))),
      typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
      line: lineAt(offset),
    });
  for (const { moduleRequest, start, entries } of module.staticImports) add(moduleRequest.value, start, entries);
  for (const { start, entries } of module.staticExports) {
    const from = entries[0]?.moduleRequest;
    if (from) add(from.value, start, entries);
  }
  const addDynamic = (from: Node, isType: boolean) => {
    if (from.type === 'Literal' && typeof from.value === 'string') add(from.value, from.start, [{ importName: { name: null }, isType }]);
  };
  const isProcess = (node: Node | null) => node?.type === 'Identifier' && node.name === 'process';
  new Visitor({
    ImportExpression: ({ source: from }) => addDynamic(from, false),
    TSImportType: ({ source: from }) => addDynamic(from, true),
    MemberExpression(node) {
      if (isProcess(node.object)) uses.push({ what: `process.${memberName(node)}`, line: lineAt(node.start) });
    },
    VariableDeclarator(node) {
      if (isProcess(node.init)) uses.push({ what: 'process', line: lineAt(node.start) });
    },
    CallExpression(call) {
      const { callee, arguments: given, start } = call;
      const [first] = given;
      const perValue = parameterPerValue(call);
      if (perValue !== undefined) uses.push({ what: perValue, line: lineAt(start) });
      if (isAtOnce(call, source)) uses.push({ what: 'Promise.all on tx', line: lineAt(start) });
      const opensPort = first?.type === 'ObjectExpression' || (first?.type === 'Literal' && typeof first.value === 'number');
      if (callee.type === 'MemberExpression' && memberName(callee) === 'listen' && opensPort)
        uses.push({ what: 'listen', line: lineAt(start) });
    },
    TemplateElement({ value, start }) {
      if (/\bpg_notify\s*\(/i.test(value.raw)) uses.push({ what: 'pg_notify', line: lineAt(start) });
    },
  }).visit(program);
  return { path, part: partOf(path), isTest: isTestCode(path), imports, uses };
}

/**
 * What in this call gives each of any number of values a parameter of its own: rows for `values`, a list for `in`, `sql.join` by commas.
 * A literal list has a fixed number of them; a subquery has none.
 */
function parameterPerValue({ callee, arguments: given }: CallExpression): string | undefined {
  const isWrittenOut = (node?: Node) => node?.type === 'ArrayExpression' && node.elements.every((each) => each?.type !== 'SpreadElement');
  const [first] = given;
  const operator = given.findIndex((each) => each.type === 'Literal' && ['in', 'not in'].includes(String(each.value)));
  const list = operator < 0 ? undefined : given[operator + 1];
  if (list !== undefined && list.type !== 'ArrowFunctionExpression' && !isWrittenOut(list)) return 'in';
  if (callee.type !== 'MemberExpression' || given.length !== 1) return undefined;
  const object = callee.object.type === 'Identifier' ? callee.object.name : undefined;
  if (memberName(callee) === 'join' && object === 'sql') return 'sql.join';
  const isRows = memberName(callee) === 'values' && object !== 'Object' && first?.type !== 'ObjectExpression' && !isWrittenOut(first);
  return isRows ? 'values' : undefined;
}

/** Whether a call waits for several promises at once, one of which uses a transaction; in a race, one alone may have a time limit beside it. */
function isAtOnce({ callee, arguments: [first] }: CallExpression, source: string): boolean {
  if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier' || callee.object.name !== 'Promise') return false;
  const usesTransaction = (node?: Node | null) => node != null && /\b(tx|trx)\b/.test(source.slice(node.start, node.end));
  if (memberName(callee) === 'race' && first?.type === 'ArrayExpression') {
    if (first.elements.some((each) => each?.type === 'SpreadElement' && usesTransaction(each))) return true;
    return first.elements.filter(usesTransaction).length > 1;
  }
  return ['all', 'allSettled', 'any', 'race'].includes(memberName(callee)) && usesTransaction(first);
}

function memberName({ property }: MemberExpression): string {
  if (property.type === 'Identifier' || property.type === 'PrivateIdentifier') return property.name;
  return property.type === 'Literal' ? String(property.value) : '?';
}

function resolve(from: string, specifier: string, parts: ReadonlyMap<string, string>): string {
  if (specifier.startsWith('.')) return join(from, '..', specifier);
  const [, name, rest] = /^(@stoa\/[^/]+)\/?(.*)$/.exec(specifier) ?? [];
  const part = name && parts.get(name);
  return part ? join(part, 'src', rest || 'index.ts') : specifier;
}
