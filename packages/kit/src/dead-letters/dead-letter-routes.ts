import { problems } from '@stoa/http';
import type { DeadLetter, DeadLetters } from '@stoa/messaging';
import { defineErrors, named } from '@stoa/service';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';

/** What the dead letters of every service can answer with. */
export const deadLetterErrors = defineErrors({
  dead_letter_not_found: {
    kind: 'not-found',
    title: 'There is no such dead letter.',
    cause: 'The id is wrong, or the message was replayed and is dead no more.',
    fix: 'List what is there: GET /v1/dead-letters.',
  },
  dead_letter_too_old: {
    kind: 'conflict',
    title: 'This dead letter is too old to be replayed.',
    cause:
      'Subscribers remember for a limited time what they have handled. A message that was never published and is older could happen twice.',
    fix: 'Look at it, and do by hand what it was to do.',
  },
});

const Nullable = Type.Union([Type.String(), Type.Null()]);

/** A dead letter as services tell each other of it; without its payload. */
export const DeadLetterItem = named(
  'OwnDeadLetter',
  Type.Object(
    {
      id: Type.String(),
      box: Type.Enum(['inbox', 'outbox']),
      consumer: Nullable,
      subscriber: Type.Optional(
        Type.String({ description: 'Whom it could not be published to; absent of one that could not be handled.' }),
      ),
      messageId: Type.String(),
      type: Type.String(),
      version: Type.Integer(),
      key: Type.String(),
      correlationId: Type.String(),
      occurredAt: Type.String({ format: 'date-time' }),
      failedAt: Type.String({ format: 'date-time' }),
      attempts: Type.Integer(),
      reason: Type.String(),
      replays: Type.Integer(),
      replayedAt: Nullable,
      place: Type.String(),
    },
    { additionalProperties: false },
  ),
);
export type DeadLetterItem = Static<typeof DeadLetterItem>;

export const DeadLetterPage = named(
  'OwnDeadLetterPage',
  Type.Object({ items: Type.Array(DeadLetterItem), nextCursor: Nullable }, { additionalProperties: false }),
);
/** Who had it tried again last, when, with what else and how fast. */
export const LastReplay = named(
  'LastReplay',
  Type.Object(
    {
      at: Type.String({ format: 'date-time' }),
      by: Type.String(),
      filter: Type.Record(Type.String(), Type.String()),
      ratePerSecond: Type.Number(),
      replayed: Type.Integer(),
    },
    { additionalProperties: false },
  ),
);
export const DeadLetterWithData = named(
  'OwnDeadLetterWithData',
  Type.Object(
    { ...DeadLetterItem.properties, data: Type.Any(), lastReplay: Type.Union([LastReplay, Type.Null()]) },
    { additionalProperties: false },
  ),
);
export const Replayed = named('OwnReplay', Type.Object({ replayed: Type.Integer() }, { additionalProperties: false }));
/** A replay is made in batches, a call for each: none of them takes long. */
export const ReplayProgress = named(
  'ReplayProgress',
  Type.Object({ replay: Type.Integer(), replayed: Type.Integer(), isFinished: Type.Boolean() }, { additionalProperties: false }),
);
export const RatePerSecond = Type.Integer({
  minimum: 1,
  maximum: 1_000,
  description: 'So many a second are tried again, in each service.',
});

const filter = {
  box: Type.Optional(Type.Enum(['inbox', 'outbox'])),
  consumer: Type.Optional(Type.String({ maxLength: 200 })),
  type: Type.Optional(Type.String({ maxLength: 200 })),
};
const ListQuery = Type.Object(
  { ...filter, limit: Type.Integer({ minimum: 1, maximum: 100 }), cursor: Type.Optional(Type.String()) },
  { additionalProperties: false },
);
const Params = Type.Object({ id: Type.String() }, { additionalProperties: false });
/** `by`: who asks for it, as the caller has proven. */
const ReplayOne = named('OwnReplayRequest', Type.Object({ by: Type.String() }, { additionalProperties: false }));
const ReplayMany = named(
  'OwnReplaysRequest',
  Type.Object({ ...filter, by: Type.String(), ratePerSecond: Type.Optional(RatePerSecond) }, { additionalProperties: false }),
);
const ReplayParams = Type.Object({ replay: Type.Integer({ minimum: 1 }) }, { additionalProperties: false });

/** Where a service serves its dead letters to the gateway. */
export const DEAD_LETTERS_PATH = '/internal/dead-letters';

/** The guard of these routes is that of `@stoa/auth`, which must be installed before. */
const config = { access: 'service' } as FastifyContextConfig;
const tags = ['internal'];

/** The dead letters of one service, for the other services. Ids are those of `DeadLetters`. */
export function installDeadLetterRoutes(http: FastifyInstance, deadLetters: DeadLetters): void {
  const { catalogue } = deadLetterErrors;

  http.get<{ Querystring: Static<typeof ListQuery> }>(
    DEAD_LETTERS_PATH,
    {
      config,
      schema: {
        tags,
        operationId: 'listOwnDeadLetters',
        summary: 'Dead letters of this service, newest first',
        querystring: ListQuery,
        response: { 200: DeadLetterPage },
      },
    },
    async ({ query: { limit, cursor, ...chosen } }) => {
      const page = await deadLetters.list(chosen, { limit, ...(cursor === undefined ? {} : { cursor }) });
      return { items: page.items.map(toItem), nextCursor: page.nextCursor };
    },
  );

  http.get<{ Params: Static<typeof Params> }>(
    `${DEAD_LETTERS_PATH}/:id`,
    {
      config,
      schema: {
        tags,
        operationId: 'getOwnDeadLetter',
        summary: 'One dead letter with its payload',
        params: Params,
        response: { 200: DeadLetterWithData, ...problems(catalogue, 'dead_letter_not_found') },
      },
    },
    async ({ params: { id } }) => {
      const { data, lastReplay, ...letter } = await find(id);
      return { ...toItem(letter), data, lastReplay: lastReplay ? { ...lastReplay, at: lastReplay.at.toISOString() } : null };
    },
  );

  http.post<{ Params: Static<typeof Params>; Body: Static<typeof ReplayOne> }>(
    `${DEAD_LETTERS_PATH}/:id/replay`,
    {
      config,
      schema: {
        tags,
        operationId: 'replayOwnDeadLetter',
        summary: 'Have one dead letter tried again',
        params: Params,
        body: ReplayOne,
        response: { 200: Replayed, ...problems(catalogue, 'dead_letter_not_found', 'dead_letter_too_old') },
      },
    },
    async ({ params: { id }, body: { by } }) => {
      if (await deadLetters.replay(id, by)) return { replayed: 1 };
      await find(id);
      throw deadLetterErrors.dead_letter_too_old();
    },
  );

  http.post<{ Body: Static<typeof ReplayMany> }>(
    `${DEAD_LETTERS_PATH}/replays`,
    {
      config,
      schema: {
        tags,
        operationId: 'replayOwnDeadLetters',
        summary: 'Begin to have all dead letters of this service that match tried again',
        body: ReplayMany,
        response: { 200: ReplayProgress },
      },
    },
    async ({ body: { by, ratePerSecond, ...chosen } }) =>
      await deadLetters.beginReplay(chosen, { by, ...(ratePerSecond === undefined ? {} : { ratePerSecond }) }),
  );

  http.post<{ Params: Static<typeof ReplayParams> }>(
    `${DEAD_LETTERS_PATH}/replays/:replay`,
    {
      config,
      schema: {
        tags,
        operationId: 'continueOwnReplay',
        summary: 'The next batch of a replay',
        params: ReplayParams,
        response: { 200: ReplayProgress, ...problems(catalogue, 'dead_letter_not_found') },
      },
    },
    async ({ params: { replay } }) => {
      const progress = await deadLetters.continueReplay(replay);
      if (progress === undefined) throw deadLetterErrors.dead_letter_not_found();
      return progress;
    },
  );

  async function find(id: string) {
    const letter = await deadLetters.get(id);
    if (letter === undefined) throw deadLetterErrors.dead_letter_not_found();
    return letter;
  }
}

const toItem = ({ consumer, occurredAt, failedAt, replayedAt, ...letter }: DeadLetter): DeadLetterItem => ({
  ...letter,
  consumer: consumer ?? null,
  occurredAt: occurredAt.toISOString(),
  failedAt: failedAt.toISOString(),
  replayedAt: replayedAt?.toISOString() ?? null,
});
