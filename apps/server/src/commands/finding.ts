/** What was looked at, and what to do about it. */
export interface Finding {
  readonly what: string;
  /** `noted` is no fault, but somebody should look. */
  readonly state: 'good' | 'noted' | 'wrong';
  readonly detail: string;
  readonly fix?: string;
}
