/** The built-in role of administrators: it has every permission there is, and cannot be changed. */
export const ADMIN = 'admin';
/** The built-in role of everybody: it has none. */
export const USER = 'user';

export const isBuiltIn = (name: string): boolean => name === ADMIN || name === USER;

/** What its name allows to anyone who has it. */
export interface Role {
  readonly name: string;
  readonly permissions: readonly string[];
  /** Rises with every change. */
  readonly version: number;
}
