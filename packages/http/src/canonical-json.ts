/**
 * One text for each JSON value, whatever the order of the names in its objects: what a digest is made of. What JSON leaves out
 * (undefined) is left out.
 */
export const canonicalJson = (value: unknown): string => JSON.stringify(value, sortNames) ?? 'null';

function sortNames(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // Without a prototype, so that a name like __proto__ is a name.
  const sorted: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(value).sort()) sorted[name] = (value as Record<string, unknown>)[name];
  return sorted;
}
