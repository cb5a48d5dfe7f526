/** The JSON of what JSON held, however deep: `JSON.stringify` reads more than it can write back, and then runs out of stack. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return writeDeep(value);
  }
}

/** The same without the stack, and slower. */
export function writeDeep(root: unknown): string {
  let text = '';
  const rest: { readonly before: string; readonly value?: unknown }[] = [{ before: '', value: root }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    text += next.before;
    if (!('value' in next)) continue;
    const { value } = next;
    if (value === null || typeof value !== 'object') {
      text += JSON.stringify(value) ?? 'null';
      continue;
    }
    const isArray = Array.isArray(value);
    const names = isArray ? undefined : Object.keys(value);
    const items = Object.values(value);
    text += isArray ? '[' : '{';
    rest.push({ before: isArray ? ']' : '}' });
    for (let index = items.length - 1; index >= 0; index -= 1) {
      const name = names === undefined ? '' : `${JSON.stringify(names[index])}:`;
      rest.push({ before: `${index > 0 ? ',' : ''}${name}`, value: items[index] });
    }
  }
  return text;
}
