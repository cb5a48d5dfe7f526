import { type Aggregate, createEventStore, type EventStore, eventStoreMigrations, type Projection } from '@stoa/event-store';
import { createDatabase, type Database, ensureDatabase, migrate } from '@stoa/postgres';
import { createKeys, createLog, createMetrics, systemClock } from '@stoa/service';
import { type Kysely, sql } from 'kysely';

type Status = 'pending' | 'paid' | 'shipped' | 'delivered';
type Line = { readonly sku: string; readonly quantity: number; readonly total: number };

/** Orders of ordinary size: five events each, the first with an address. */
export type OrderEvent =
  | {
      readonly type: 'order-placed';
      readonly data: { readonly customer: string; readonly lines: readonly Line[]; readonly total: number };
      readonly personal: { readonly address: string };
    }
  | { readonly type: 'payment-succeeded'; readonly data: { readonly intent: string; readonly amount: number } }
  | { readonly type: 'order-paid'; readonly data: Readonly<Record<string, never>> }
  | { readonly type: 'order-shipped'; readonly data: { readonly carrier: string } }
  | { readonly type: 'order-delivered'; readonly data: Readonly<Record<string, never>> };

export interface OrderTables {
  readonly orders: {
    readonly id: string;
    readonly customer: string;
    readonly status: Status;
    readonly total: number;
    readonly personal: Buffer | null;
    readonly version: number;
  };
}

const statuses: Readonly<Record<OrderEvent['type'], Status | undefined>> = {
  'order-placed': 'pending',
  'payment-succeeded': undefined,
  'order-paid': 'paid',
  'order-shipped': 'shipped',
  'order-delivered': 'delivered',
};

export const order: Aggregate<{ readonly status: Status | 'none' }, OrderEvent> = {
  initialState: () => ({ status: 'none' }),
  evolve: ({ status }, { type }) => ({ status: statuses[type] ?? status }),
};

export const placed = (customer: string): OrderEvent => ({
  type: 'order-placed',
  data: { customer, lines: [line(1), line(2), line(3)], total: 5_997 },
  personal: { address: 'Augusta Ada King, 12 St James’s Square, London SW1Y 4LB, GB, +44 20 7946 0000' },
});
const line = (n: number): Line => ({ sku: `SKU-${n}-LARGE-BLUE`, quantity: n, total: 1_999 });

/** A row for each order: made by its first event in a batch, or changed by the last one. */
const orders: Projection<OrderEvent, OrderTables> = {
  name: 'orders',
  version: 1,
  tables: ['orders'],
  async project(tx, events) {
    const rows = [...Map.groupBy(events, ({ stream }) => stream)].map(([id, own]) => {
      const first = own.find((event) => event.type === 'order-placed');
      const status = own.findLast(({ type }) => statuses[type] !== undefined)?.type;
      return { id, first, status: status && statuses[status], version: own.at(-1)?.version };
    });
    const made = rows.filter(({ first }) => first !== undefined);
    const changed = rows.filter(({ first }) => first === undefined);
    if (made.length > 0)
      await sql`
        insert into orders (id, customer, status, total, personal, version) select * from unnest(
          ${made.map(({ id }) => id)}::text[], ${made.map(({ first }) => first?.data.customer)}::text[],
          ${made.map(({ status }) => status)}::text[], ${made.map(({ first }) => first?.data.total)}::bigint[],
          ${made.map(({ first }) => first?.sealed)}::bytea[], ${made.map(({ version }) => version)}::integer[])`.execute(tx);
    if (changed.length > 0)
      await sql`
        update orders set status = coalesce(news.status, orders.status), version = news.version
        from unnest(${changed.map(({ id }) => id)}::text[], ${changed.map(({ status }) => status ?? null)}::text[],
          ${changed.map(({ version }) => version)}::integer[]) as news (id, status, version)
        where orders.id = news.id`.execute(tx);
  },
};

export const openOrderStore = (): EventStore<OrderEvent, OrderTables> =>
  createEventStore({
    upcasters: { 'order-placed': [], 'payment-succeeded': [], 'order-paid': [], 'order-shipped': [], 'order-delivered': [] },
    projections: [orders],
    derive: createKeys(Buffer.alloc(32).toString('base64')),
    clock: systemClock,
  });

const log = createLog({ level: 'silent' });

export const openOrderDatabase = (url: string): Database<OrderTables> =>
  createDatabase<OrderTables>({ url, name: 'orders', log, metrics: createMetrics() });

/** A database of its own with so many events, and nothing projected. @returns its URL. */
export async function makeOrders(adminUrl: string, events: number): Promise<string> {
  const url = await ensureDatabase({ adminUrl, database: `orders_${events}`, role: 'orders', password: 'bench' });
  await migrate({ url, sources: [eventStoreMigrations], log });
  const database = openOrderDatabase(url);
  const { query } = database;
  await sql`
    create table orders (id text primary key, customer text not null, status text not null, total bigint not null, personal bytea, version integer not null)`.execute(
    query,
  );
  await sql`create index orders_of_customer on orders (customer, id)`.execute(query);
  await sql`create index orders_by_status on orders (status, id)`.execute(query);
  for (let first = 0; first < events / 5; first += 20_000) await seed(query, first, Math.min(first + 20_000, events / 5));
  await sql`vacuum analyze events`.execute(query);
  await database.close();
  return url;
}

/** Five events of each order, those of a thousand orders mixed as they would come. */
async function seed(db: Kysely<OrderTables>, from: number, to: number): Promise<void> {
  const { data } = placed('customer-0000');
  await sql`
    insert into events (stream, version, type, event_version, data, sealed, metadata, recorded_at)
    select lpad(n::text, 8, '0') || '-d3a0-7000-8000-000000000001', version, (array['order-placed', 'payment-succeeded', 'order-paid', 'order-shipped', 'order-delivered'])[version], 1,
      case version when 1 then ${JSON.stringify(data)}::json when 2 then '{"intent":"pi_0000000000000000","amount":5997}' when 4 then '{"carrier":"post"}' else '{}' end,
      case version when 1 then decode(repeat('ab', 130), 'hex') end,
      '{"actor":"user:0199d3a0-0000-7000-8000-000000000002","correlationId":"0af7651916cd43dd8448eb211c80319c","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}',
      now()
    from generate_series(${from}::integer, ${to - 1}::integer) as n, generate_series(1, 5) as version
    order by n / 1000, version, n`.execute(db);
}
