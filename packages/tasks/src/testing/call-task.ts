import { Type } from 'typebox';
import type { Outcome } from '../outcome.ts';
import { type Task, task } from '../task.ts';

/** A task that calls `url` and makes of each kind of answer the outcome that it is. */
export const callTask = <Schema>(url: string, more: Partial<Task<Schema>> = {}): Task<Schema> =>
  task<Schema, typeof Data>({
    name: 'call',
    data: Data,
    async run(data, { id, idempotencyKey, signal }): Promise<Outcome<Schema>> {
      const headers = { 'task-id': id, 'idempotency-key': idempotencyKey };
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(data), signal });
      const reason = await answer.text();
      if (answer.ok) return { status: 'done', response: reason };
      if (answer.status === 503) return { status: 'unavailable', reason };
      return { status: answer.status < 500 ? 'permanent' : 'transient', reason };
    },
    ...(more as object),
  }) as Task<Schema>;

const Data = Type.Object({ n: Type.Optional(Type.Integer()) });
