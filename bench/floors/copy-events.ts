import { once } from 'node:events';
import type { Writable } from 'node:stream';
import pg from 'pg';

/** `copy-events.ts <url>`: reads all events by a thousand and copies them into another table. Prints events per second. */
const [url = ''] = process.argv.slice(2);
const [reading, writing] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })];
await Promise.all([reading.connect(), writing.connect()]);
await writing.query('create table if not exists copied (like events including indexes)');
await writing.query('truncate copied');

interface CopyConnection {
  readonly stream: Writable;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sync(): void;
}

/** `copy … from stdin`, which pg itself does not offer. */
function startCopy(client: pg.Client, text: string) {
  const [opened, ended] = [Promise.withResolvers<CopyConnection>(), Promise.withResolvers<void>()];
  client.query({
    submit: (connection: CopyConnection) => connection.query(text),
    handleCopyInResponse: opened.resolve,
    handleCommandComplete() {},
    handleReadyForQuery: () => ended.resolve(),
    handleError: (error: Error) => ended.reject(error),
  } as unknown as pg.Submittable);
  return { opened: opened.promise, ended: ended.promise };
}

const field = (value: unknown): string =>
  value === null ? '\\N' : String(value).replace(/[\\\t\n\r]/g, (each) => ({ '\t': '\\t', '\n': '\\n', '\r': '\\r' })[each] ?? '\\\\');

const begun = performance.now();
const copy = startCopy(writing, 'copy copied from stdin');
const connection = await copy.opened;
let copied = 0;
for (let position = '0'; ; ) {
  const { rows } = await reading.query<unknown[]>({
    name: 'read',
    text: `select stream, version, type, event_version, data::text, sealed::text, metadata::text, recorded_at::text, position
      from events where position > $1 order by position limit 1000`,
    values: [position],
    rowMode: 'array',
  });
  if (rows.length === 0) break;
  connection.sendCopyFromChunk(Buffer.from(`${rows.map((row) => row.map(field).join('\t')).join('\n')}\n`));
  if (connection.stream.writableNeedDrain) await once(connection.stream, 'drain');
  copied += rows.length;
  position = String(rows.at(-1)?.at(-1));
}
connection.endCopyFrom();
await copy.ended;
console.log((1_000 * copied) / (performance.now() - begun));
await Promise.all([reading.end(), writing.end()]);
