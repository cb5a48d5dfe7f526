/** A code stands alone on its line of the text part: four to eight digits. */
const CODE = /^[ \t]*(\d{4,8})[ \t]*\r?$/m;
const LINK = /\bhttps?:\/\/[^\s<>"'`]+/g;
const HREF = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/gi;
/** Belongs to the sentence around a link rather than to the link. */
const TRAILING = /[).,;:!?\]]+$/;

export const extractCode = (text: string): string | null => CODE.exec(text)?.[1] ?? null;

/** The links of both parts, each once, in the order they stand in the text. */
export function extractLinks(text: string, html: string | null): string[] {
  const inText = [...text.matchAll(LINK)].map(([link]) => link.replace(TRAILING, ''));
  const inHtml = [...(html ?? '').matchAll(HREF)].map(([, double, single]) => (double ?? single ?? '').replaceAll('&amp;', '&'));
  return [...new Set([...inText, ...inHtml.filter((link) => /^https?:\/\//.test(link))])];
}
