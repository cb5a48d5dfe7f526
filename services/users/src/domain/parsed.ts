/** A value in the one form that is stored and compared, or why the text is not such a value. */
export type Parsed<T> = { readonly value: T } | { readonly refused: readonly [string, ...string[]] };

export const accepted = <T>(value: T): Parsed<T> => ({ value });

export const refused = (...reasons: [string, ...string[]]): Parsed<never> => ({ refused: reasons });
