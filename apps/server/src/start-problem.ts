/**
 * A start, or a command, that cannot go on for a reason the user can mend. Shown as one line of cause and one of fix,
 * never with a stack trace.
 */
export class StartProblem extends Error {
  override readonly name = 'StartProblem';
  /** What to do, exactly: a command or a setting. */
  readonly fix: string;
  /** sysexits.h: 78 = configuration, 69 = something needed is unavailable, 64 = wrong usage. */
  readonly exitCode: number;

  constructor(cause: string, fix: string, exitCode = 78) {
    super(cause);
    this.fix = fix;
    this.exitCode = exitCode;
  }
}
