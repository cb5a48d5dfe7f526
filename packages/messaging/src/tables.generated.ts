// Made by `npm run reports` from the migrations.
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface Tables {
  cron: {
    job: string;
    every_seconds: number;
    next_at: Generated<Date>;
    declared_at: Date | null;
  };
  dead_letter_replays: {
    id: GeneratedAlways<number>;
    requested_at: Generated<Date>;
    requested_by: string;
    filter: ColumnType<unknown, string, string>;
    per_second: number;
    replayed: Generated<number>;
    finished_at: Date | null;
    next_at: Date | null;
  };
  inbox: {
    id: GeneratedAlways<number>;
    consumer: string;
    message_id: string;
    type: string;
    version: number;
    source: string;
    key: string;
    occurred_at: Date;
    correlation_id: string;
    traceparent: string;
    data: ColumnType<unknown, string, string>;
    status: Generated<'pending' | 'done' | 'dead'>;
    run_at: Generated<Date>;
    attempts: Generated<number>;
    reason: string | null;
    failed_at: Date | null;
    done_at: Date | null;
    replays: Generated<number>;
    replayed_at: Date | null;
    tracestate: string | null;
    replay_id: number | null;
    registered: Generated<boolean>;
    delayed: Generated<boolean>;
  };
  inbox_copies: {
    instance_id: string;
    takes: ColumnType<unknown, string, string>;
    seen_at: Generated<Date>;
  };
  inbox_seen: {
    slot: number;
    message_id: string;
    consumer: string;
    seen_at: Generated<Date>;
  };
  outbox: {
    id: GeneratedAlways<number>;
    message_id: string;
    type: string;
    version: number;
    key: string;
    subscribers: readonly string[];
    occurred_at: Generated<Date>;
    correlation_id: string;
    traceparent: string;
    data: ColumnType<unknown, string, string>;
    attempts: Generated<number>;
    reason: string | null;
    retry_at: Date | null;
    sent_at: Date | null;
    parked_at: Date | null;
    replays: Generated<number>;
    replayed_at: Date | null;
    tracestate: string | null;
    replay_id: number | null;
    is_split: Generated<boolean>;
  };
  outbox_sent: {
    id: number;
    message_id: string;
    type: string;
    version: number;
    key: string;
    subscribers: readonly string[];
    occurred_at: Date;
    correlation_id: string;
    traceparent: string;
    tracestate: string | null;
    data: ColumnType<unknown, string, string>;
    sent_at: Date;
  };
  outbox_waiting: {
    id: Generated<number>;
    outbox_id: number;
    subscriber: string;
    type: string;
    key: string;
    is_first: boolean;
    attempts: Generated<number>;
    reason: string | null;
    retry_at: Generated<Date>;
    parked_at: Date | null;
    replays: Generated<number>;
    replayed_at: Date | null;
    replay_id: number | null;
  };
}
