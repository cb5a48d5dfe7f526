/** For `.catch`: lets system errors of these codes pass as done and throws every other. */
export const unlessCode =
  (...codes: string[]) =>
  (error: unknown): void => {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  };
