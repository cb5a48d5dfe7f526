import { plainName } from './plain-text.ts';

/** In this order: a browser names those it wants to be taken for as well (RFC 9110 §10.1.5 and habit). */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/\bEdgA?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS)\//, 'Chrome'],
  [/\bVersion\/[\d.]+.* Safari\//, 'Safari'],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'an iPhone'],
  [/\biPad\b/, 'an iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'a Mac'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bLinux\b/, 'Linux'],
];

const first = (names: typeof PROGRAMS, text: string) => names.find(([pattern]) => pattern.test(text))?.[1];

/**
 * What a person would call the device whose program sent this `User-Agent`: `Firefox on Linux`. For an unknown program it is what
 * the program says of itself.
 * @returns `null` where that is nothing, or holds a link.
 */
export function deviceName(userAgent: string | null): string | null {
  const [program, system] = [first(PROGRAMS, userAgent ?? ''), first(SYSTEMS, userAgent ?? '')];
  return program === undefined ? plainName(userAgent) : [program, system].filter((name) => name !== undefined).join(' on ');
}
