/** Roles and what they allow: exists only within a transaction. */
export interface Roles {
  /**
   * The permissions of each of these roles, built-in ones too; none of them is changed or deleted until the transaction ends.
   * A role that is not there is not in the answer.
   */
  hold(names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
}
