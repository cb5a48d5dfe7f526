import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { accepted, type Parsed, refused } from './parsed.ts';

/** Spaces, dashes, dots, brackets, slashes, invisible format characters: whatever people put between digits. */
const SEPARATORS = /[\p{Z}\p{P}\p{Cf}\t~]/gu;

/**
 * A phone number in E.164 (`+4930123456`), valid by the full metadata of its country.
 * International with `+` or `00`; national only where `defaultRegion` (ISO 3166-1 alpha-2) says how to read it.
 */
export function parsePhoneNumber(text: string, defaultRegion?: string): Parsed<string> {
  const digits = text.normalize('NFKC').trim().replaceAll(SEPARATORS, '').replace(/^00/, '+');
  if (!/^\+?[0-9]+$/.test(digits)) return refused('must be a phone number: digits, with + or 00 and the country code in front');
  const region = asRegion(defaultRegion);
  if (!digits.startsWith('+') && region === undefined) return refused('must begin with + or 00 and the country code');
  const number = parsePhoneNumberFromString(digits, { extract: false, ...(region && { defaultCountry: region }) });
  return number?.isValid() ? accepted(number.number) : refused('must be a phone number that exists in its country');
}

const asRegion = (region: string | undefined): CountryCode | undefined =>
  region !== undefined && isSupportedCountry(region) ? region : undefined;
