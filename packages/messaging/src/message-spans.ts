import { type Attributes, inReceivedSpan, type Span, type SpanStart, startSpan } from '@stoa/service';
import type { Outgoing, Rejection } from './broker.ts';
import type { InboxRow } from './inbox-rows.ts';
import type { Message } from './types.ts';

/**
 * By OpenTelemetry's conventions for messaging. The system is ours: what carries a message between outbox and inbox is the broker's
 * matter. Without the key, which identifies the subject of a message.
 */
const attributesOf = ({ id, type, correlationId }: Message): Attributes => ({
  'messaging.system': 'stoa',
  'messaging.destination.name': type,
  'messaging.message.id': id,
  'messaging.message.conversation_id': correlationId,
});

/** A PRODUCER span in the trace of who appended the message: from being handed to the bus until the bus has it, or not. */
function startPublishing(message: Message): Span | undefined {
  return startSpan(
    message,
    (): SpanStart => ({
      kind: 'producer',
      name: `publish ${message.type}`,
      attributes: { ...attributesOf(message), 'messaging.operation.name': 'publish', 'messaging.operation.type': 'send' },
    }),
  );
}

/** Has each message carry its PRODUCER span as the parent of what handles it. */
export async function publishInSpans(
  outgoing: readonly Outgoing[],
  publish: (outgoing: readonly Outgoing[]) => Promise<readonly Rejection[]>,
): Promise<readonly Rejection[]> {
  const begun = outgoing.map((item) => ({ ...item, span: startPublishing(item.message) }));
  if (begun.every(({ span }) => span === undefined)) return await publish(outgoing);
  const failures = new Map<string, string>();
  try {
    const rejections = await publish(
      begun.map(({ span, ...item }) =>
        span === undefined ? item : { ...item, message: { ...item.message, traceparent: span.traceparent } },
      ),
    );
    for (const { id, reason } of rejections) failures.set(id, reason);
    return rejections;
  } catch (error) {
    for (const { message } of begun) failures.set(message.id, 'bus_away');
    throw error;
  } finally {
    for (const { message, span } of begun) {
      const failure = failures.get(message.id);
      if (failure !== undefined) span?.fail(failure);
      span?.end();
    }
  }
}

/** Runs a handler in the context of its message, as a CONSUMER span below the publisher's; for a job, below the span that enqueued it. */
export function inHandlingSpan(consumer: string, { message, attempts }: InboxRow, handle: () => Promise<void>): Promise<void> {
  return inReceivedSpan(
    message,
    () => ({
      kind: 'consumer',
      name: `process ${message.type}`,
      attributes: {
        ...attributesOf(message),
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        'messaging.consumer.group.name': consumer,
        'stoa.attempt': attempts + 1,
      },
    }),
    handle,
  );
}
