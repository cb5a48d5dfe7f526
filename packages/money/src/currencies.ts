/** The active currencies of ISO 4217 (list one), without funds, metals and test codes. */
const CODES =
  'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK ' +
  'DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS ' +
  'KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD ' +
  'OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP ' +
  'TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG';

/** Decimals of the currencies that do not have two. */
const OTHER_EXPONENTS: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
};

const exponents = new Map<string, number>(CODES.split(' ').map((code) => [code, 2]));
for (const [exponent, codes] of Object.entries(OTHER_EXPONENTS)) for (const code of codes.split(' ')) exponents.set(code, Number(exponent));

export const currencies: readonly string[] = [...exponents.keys()];

/** Whether it is an active currency, in upper case as ISO 4217 writes it. */
export const isCurrency = (code: string): boolean => exponents.has(code);

/** How many decimals a currency has: an amount of 1 is 10^-exponent of it. @throws RangeError for no active currency. */
export function exponentOf(currency: string): number {
  const exponent = exponents.get(currency);
  if (exponent === undefined) throw new RangeError(`"${currency}" is not an active currency of ISO 4217`);
  return exponent;
}
