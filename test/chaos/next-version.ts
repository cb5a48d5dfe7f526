import { registerHooks } from 'node:module';

/**
 * Preloaded into a process, it turns the process into the next version: the same sources, except for the changes that `NEXT_VERSION` names.
 * Types are not checked, as they are removed when it runs.
 */
type Change = readonly [file: string, from: string, to: string];

const event = 'contracts/src/activation-requested.ts';
const publisher: Change = [
  'services/users/src/application/open-activation-request.ts',
  'append(activationRequested, {',
  "append(activationRequested, { locale: 'de',",
];

const VERSIONS: Readonly<Record<string, readonly Change[]>> = {
  /** An event has one more optional field, which its publisher fills. */
  'a field more': [publisher, [event, 'requestId: Type', 'locale: Type.Optional(Type.String()), requestId: Type']],
  /** An event has one more required field, and so another version; its reader accepts both. */
  'another version of an event': [
    publisher,
    [event, 'version: 1', 'version: 2'],
    [event, 'requestId: Type', 'locale: Type.String(), requestId: Type'],
    [event, "requestId: '", "locale: 'de', requestId: '"],
    [
      'services/mailer/src/on-activation-requested.ts',
      'event: activationRequested,',
      `event: activationRequested, earlier: [{
        event: { ...activationRequested, version: 1, schema: { type: 'object' } }, upcast: (data) => ({ ...data, locale: 'en' }),
      }],`,
    ],
  ],
};

const changes = VERSIONS[process.env['NEXT_VERSION'] ?? ''];
if (changes === undefined) throw new Error(`NEXT_VERSION is one of ${Object.keys(VERSIONS).join(', ')}`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const own = changes.filter(([file]) => url.endsWith(`/${file}`));
    if (own.length === 0) return loaded;
    let source = String(loaded.source);
    for (const [file, from, to] of own) {
      if (!source.includes(from)) throw new Error(`${file} has no "${from}" any more`);
      source = source.replace(from, to);
    }
    return { ...loaded, source };
  },
});
