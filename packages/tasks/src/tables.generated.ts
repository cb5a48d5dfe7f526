// Made by `npm run reports` from the migrations.
import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

export interface Tables {
  finished_tasks: {
    id: string;
    kind: string;
    destination: string;
    correlation_id: string;
    created_at: Date;
    finished_at: Generated<Date>;
    attempts: ColumnType<unknown, string, string>;
  };
  task_attempts: {
    id: string;
    task_id: string;
    number: number;
    status: Generated<'running' | 'done' | 'failed' | 'unknown'>;
    instance_id: string;
    started_at: Generated<Date>;
    ended_at: Date | null;
    response: string | null;
  };
  task_instances: {
    id: string;
    seen_at: Generated<Date>;
  };
  task_pauses: {
    destination: string;
    until: Date;
    reason: string;
  };
  tasks: {
    id: string;
    number: GeneratedAlways<number>;
    kind: string;
    version: number;
    destination: string;
    data: ColumnType<unknown, string, string>;
    correlation_id: string;
    traceparent: string;
    tracestate: string | null;
    created_at: Generated<Date>;
    due_at: Date;
    status: Generated<'queued' | 'running' | 'dead'>;
    run_at: Date;
    owner: string | null;
    fence: Generated<number>;
    failures: Generated<number>;
    unknowns: Generated<number>;
    deferrals: Generated<number>;
    reason: string | null;
    failed_at: Date | null;
    replays: Generated<number>;
    replayed_at: Date | null;
    replay_id: number | null;
  };
}
