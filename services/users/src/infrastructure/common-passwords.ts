/** Whether a password, lower-cased, is one of those that are tried first. */
export type IsCommonPassword = (lowerCased: string) => boolean;

/** Shorter ones are refused for their length. */
const MIN_CHARACTERS = 8;

/**
 * The list of zxcvbn-ts: 18,000 entries of eight characters or more, out of the 49,000 most used. Loaded by the first
 * registration, in 20 ms, so that a process which registers nobody does not carry it.
 */
export function createCommonPasswords(): () => Promise<IsCommonPassword> {
  let list: Promise<IsCommonPassword> | undefined;
  return () => {
    list ??= load();
    return list;
  };
}

async function load(): Promise<IsCommonPassword> {
  const { dictionary } = await import('@zxcvbn-ts/language-common');
  const passwords = new Set(dictionary['passwords-common'].filter((password) => String(password).length >= MIN_CHARACTERS));
  return (lowerCased) => passwords.has(lowerCased);
}
