/** What would end or change the host of a URL. */
const NOT_IN_A_HOST = /[\s/?#@:\\%[\]<>^|]/;

/**
 * An e-mail address without what stands around it, split at the last `@`.
 * @returns the local part as it is written, and the domain as its A-label in lower case (`bücher.example` is `xn--bcher-kva.example`), undefined
 * when it is none; undefined for a text that is no address at all.
 */
export function splitEmailAddress(text: string): { readonly local: string; readonly domain: string | undefined } | undefined {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf('@');
  return at < 1 ? undefined : { local: trimmed.slice(0, at), domain: toAscii(trimmed.slice(at + 1)) };
}

/** The one form in which an e-mail address is stored and compared. What is no address is lower-cased alone: it is looked for, and not found. */
export function emailAddressForm(text: string): string {
  const { local, domain } = splitEmailAddress(text) ?? {};
  return local === undefined || domain === undefined ? text.trim().toLowerCase() : `${local.toLowerCase()}@${domain}`;
}

/** UTS 46 through the URL parser of the language's host, which lower-cases too. */
function toAscii(domain: string): string | undefined {
  return NOT_IN_A_HOST.test(domain) ? undefined : URL.parse(`http://${domain}/`)?.hostname;
}
