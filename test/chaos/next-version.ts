import { registerHooks } from 'node:module';

/** Preloaded into a process it makes the version after this one of it: the same sources, but for these changes. */
const CHANGES: readonly (readonly [file: string, from: string, to: string])[] = [
  // An event has one more field, which its publisher fills.
  ['contracts/src/activation-requested.ts', 'requestId: Type', 'locale: Type.Optional(Type.String()), requestId: Type'],
  [
    'services/users/src/application/open-activation-request.ts',
    'append(activationRequested, {',
    "append(activationRequested, { locale: 'de',",
  ],
];

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const changes = CHANGES.filter(([file]) => url.endsWith(`/${file}`));
    if (changes.length === 0) return loaded;
    let source = String(loaded.source);
    for (const [file, from, to] of changes) {
      if (!source.includes(from)) throw new Error(`${file} has no "${from}" any more`);
      source = source.replace(from, to);
    }
    return { ...loaded, source };
  },
});
