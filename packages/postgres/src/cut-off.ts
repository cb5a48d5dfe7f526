import type pg from 'pg';

/** How long a server has to close properly. */
const CLOSE_LIMIT_MS = 2_000;

/** Ends a connection at once, with a server or a network behind it that may hang. */
export function cutOff(client: pg.ClientBase): void {
  // What a pool hands out is a client; its type says less.
  (client as pg.Client).connection.stream.destroy();
}

/** Resolves when the connection has ended; it is cut off where that takes long, as one that hangs never ends. */
export async function hasEnded(client: pg.ClientBase, ended: Promise<void>): Promise<void> {
  const timer = setTimeout(() => cutOff(client), CLOSE_LIMIT_MS);
  await ended;
  clearTimeout(timer);
}
