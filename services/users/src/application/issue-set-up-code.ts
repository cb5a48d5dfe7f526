import type { Clock } from '@stoa/service';
import type { SetUpCodeMaker } from './permission-ports.ts';
import type { InTransaction } from './ports.ts';

const LIFE_MS = 24 * 3_600_000;

export interface IssueSetUpCodePorts {
  readonly codeMaker: SetUpCodeMaker;
  readonly inTransaction: InTransaction;
  readonly clock: Clock;
}

/** @returns a code for the first administrator, good for a day; `undefined` when there is an administrator. */
export type IssueSetUpCode = () => Promise<string | undefined>;

/** Codes of other starts stay good: each copy of a service prints its own. */
export const createIssueSetUpCode =
  ({ codeMaker, inTransaction, clock }: IssueSetUpCodePorts): IssueSetUpCode =>
  () =>
    inTransaction(async ({ administrators, setUpCodes }) => {
      await administrators.lock();
      if (await administrators.exist()) return undefined;
      const { code, digest } = codeMaker.make();
      await setUpCodes.add(digest, new Date(clock.now().getTime() + LIFE_MS));
      return code;
    });
