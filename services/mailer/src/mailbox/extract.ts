/** A code stands alone on its line of the text part: four to eight digits. */
const CODE = /^[ \t]*(\d{4,8})[ \t]*\r?$/m;
const LINK = /\bhttps?:\/\/[^\s<>"'`]+/g;
const HREF = /\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')/gi;
/** Belongs to the sentence around a link rather than to the link. */
const TRAILING = /[).,;:!?\]]+$/;
/** What stands escaped in an address, with its character. */
const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|quot|apos|lt|gt));/gi;
const NAMED: Readonly<Record<string, string>> = { amp: '&', quot: '"', apos: "'", lt: '<', gt: '>' };

export const extractCode = (text: string): string | null => CODE.exec(text)?.[1] ?? null;

/** The links of both parts with their fragments, each once, in the order they stand in the text. */
export function extractLinks(text: string, html: string | null): string[] {
  const inText = [...text.matchAll(LINK)].map(([link]) => link.replace(TRAILING, ''));
  const inHtml = [...(html ?? '').matchAll(HREF)].map(([, double, single]) => withoutEntities(double ?? single ?? ''));
  return [...new Set([...inText, ...inHtml.filter((link) => /^https?:\/\//.test(link))])];
}

const withoutEntities = (attribute: string): string =>
  attribute.replace(ENTITY, (entity, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? entity;
    const point = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
    return point <= 0x10ffff ? String.fromCodePoint(point) : entity;
  });
