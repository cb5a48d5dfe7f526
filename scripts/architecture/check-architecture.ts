import { globSync } from 'node:fs';
import { type Module, readModule } from './module.ts';
import { rules } from './rules.ts';

export interface Violation {
  readonly rule: string;
  readonly says: string;
  readonly path: string;
  readonly line: number;
  /** What was imported or used. */
  readonly what: string;
}

/** Reads every source file of the apps, services, packages and contracts under `root` and applies all rules. */
export function checkArchitecture(root: string): Violation[] {
  const parts = new Map(globSync('{apps,packages,services}/*', { cwd: root }).map((part) => [`@stoa/${part.split('/')[1]}`, part]));
  parts.set('@stoa/contracts', 'contracts');
  const files = globSync('{apps,contracts,packages,services}/**/*.{ts,js}', { cwd: root, exclude: ['**/node_modules'] });
  const modules = files.sort().map((path) => readModule(root, path, parts));
  return [...modules.flatMap(applyRules), ...findCycles(modules)];
}

function applyRules(module: Module): Violation[] {
  return rules.flatMap(({ name: rule, says, inTests, forbidsImport, forbidsUse }) => {
    if (module.isTest && !inTests) return [];
    const imports = module.imports.filter((imported) => forbidsImport?.(module, imported));
    const uses = module.uses.filter(({ what }) => forbidsUse?.(module, what));
    return [...imports.map(({ specifier, line }) => ({ what: specifier, line })), ...uses].map((found) => ({
      rule,
      says,
      path: module.path,
      ...found,
    }));
  });
}

/** Depth first; each cycle is reported once, at the import that closes it. Types count: a cycle of types is a design error as well. */
function findCycles(modules: readonly Module[]): Violation[] {
  const byPath = new Map(modules.map((module) => [module.path, module]));
  const finished = new Set<string>();
  const violations: Violation[] = [];
  const visit = (module: Module, trail: readonly string[]) => {
    for (const { target, line } of module.imports) {
      const next = byPath.get(target);
      if (next === undefined || finished.has(target)) continue;
      const begin = trail.indexOf(target);
      if (begin < 0) visit(next, [...trail, target]);
      else
        violations.push({
          rule: 'no-cycles',
          says: 'imports have no cycles',
          path: module.path,
          line,
          what: [...trail.slice(begin), target].join(' → '),
        });
    }
    finished.add(module.path);
  };
  for (const module of modules) if (!finished.has(module.path)) visit(module, [module.path]);
  return violations;
}
