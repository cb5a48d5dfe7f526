import { type TSchema, Type } from 'typebox';
import { accountLinkRequested } from './account-link-requested.ts';
import { accountNoticeRequested } from './account-notice-requested.ts';
import { activationRequested } from './activation-requested.ts';
import { auditRecorded } from './audit-recorded.ts';
import { postChanged, postCreated, postDeleted, postModerated } from './posts.ts';
import { userDeleted } from './user-deleted.ts';
import { userProfileChanged, userProfilesSnapshot, userProfilesTold } from './user-profile.ts';
import { userProfilesRequested } from './user-profiles-requested.ts';

/** What the document needs to know of an event. */
export interface DescribedEvent {
  readonly name: string;
  readonly version: number;
  readonly source: string;
  readonly description: string;
  readonly schema: TSchema;
  readonly example: unknown;
  readonly subscribers: readonly string[];
  key(data: unknown): string;
}

/** Every event of the product. */
export const events: readonly DescribedEvent[] = [
  activationRequested,
  accountLinkRequested,
  accountNoticeRequested,
  userProfileChanged,
  userProfilesSnapshot,
  userProfilesTold,
  userDeleted,
  userProfilesRequested,
  postCreated,
  postChanged,
  postDeleted,
  postModerated,
  auditRecorded,
];

/** The message around an event's data, as it travels on every broker. */
const envelope = ({ name, version, source, schema }: DescribedEvent) =>
  Type.Object({
    id: Type.String({ format: 'uuid', description: 'UUIDv7; the same in every copy of the message, so that a repeat is recognised.' }),
    type: Type.Literal(name),
    version: Type.Literal(version),
    source: Type.Literal(source),
    key: Type.String({ description: 'Id of what the event is about; events with the same key keep their order.' }),
    occurredAt: Type.String({ format: 'date-time' }),
    correlationId: Type.String({ description: 'Follows one request through every service.' }),
    traceparent: Type.String({ description: 'W3C Trace Context.' }),
    tracestate: Type.Optional(Type.String({ description: 'W3C Trace Context.' })),
    data: schema,
  });

const exampleOf = ({ name, version, source, example, key }: DescribedEvent) => ({
  id: '0199d3a0-0000-7000-8000-00000000e000',
  type: name,
  version,
  source,
  key: key(example),
  occurredAt: '2026-11-21T09:00:00.000Z',
  correlationId: 'f3b0c44298fc1c149afbf4c8996fb924',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  data: example,
});

/** The AsyncAPI 3.0.0 document of the events: one channel each, with its sender and its receivers. */
export function asyncApi(described: readonly DescribedEvent[] = events): object {
  const each = <T>(entries: (event: DescribedEvent) => readonly (readonly [string, T])[]): Record<string, T> =>
    Object.fromEntries(described.flatMap(entries));
  const operation = (action: 'send' | 'receive', service: string, { name, description }: DescribedEvent) => ({
    action,
    summary: description,
    tags: [{ name: service }],
    channel: { $ref: `#/channels/${name}` },
    messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
  });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Stoa events',
      version: '1.0.0',
      description:
        'The events that the services of Stoa exchange. Delivery is at least once; each subscriber recognises a repeat by the id of the message. Readers ignore properties that they do not know.',
    },
    defaultContentType: 'application/json',
    channels: each((event) => [
      [
        event.name,
        {
          address: `${event.source}.${event.name}`,
          description: event.description,
          messages: { [event.name]: { $ref: `#/components/messages/${event.name}` } },
        },
      ],
    ]),
    operations: each((event) => [
      [`${event.source}-sends-${event.name}`, operation('send', event.source, event)],
      ...event.subscribers.map((service) => [`${service}-receives-${event.name}`, operation('receive', service, event)] as const),
    ]),
    components: {
      messages: each((event) => [
        [
          event.name,
          { name: event.name, summary: event.description, payload: plain(envelope(event)), examples: [{ payload: exampleOf(event) }] },
        ],
      ]),
    },
  };
}

/** A schema as plain JSON, and as a reader is to take it: a newer publisher may add properties. */
const plain = (schema: TSchema): unknown =>
  JSON.parse(JSON.stringify(schema, (key, value) => (key === 'additionalProperties' && value === false ? undefined : value)));
