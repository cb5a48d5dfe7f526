/**
 * SIGTERM, SIGINT and SIGHUP all mean: stop cleanly, once. npm passes a Ctrl-C on although the terminal sent it
 * already, so a repeat within 2 s is the same signal; a later one means "now".
 */
const SAME_SIGNAL_MS = 2_000;

export function onStopSignal(stop: () => Promise<void>, force: () => void): void {
  let firstAt: number | undefined;
  const handle = () => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      void stop();
    } else if (performance.now() - firstAt > SAME_SIGNAL_MS) force();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, handle);
}
