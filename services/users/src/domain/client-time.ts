const YEAR_10000 = Date.UTC(10_000, 0);

/** A time that a client sent as a date-time: undefined where it is none, as a leap second, or beyond the year 9999 in UTC. */
export function timeFrom(text: string): Date | undefined {
  const time = new Date(text);
  return time.getTime() < YEAR_10000 ? time : undefined;
}
