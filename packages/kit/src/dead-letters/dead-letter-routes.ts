import { type Http, IdParams, Nullable, Page, problems, StrictObject } from '@stoa/http';
import { DEAD_LETTER_BOXES, type DeadLetter, type DeadLetters } from '@stoa/messaging';
import { defineErrors, named, orThrow } from '@stoa/service';
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

/** A dead letter as services exchange it; without its payload. */
export const DeadLetterItem = named(
  'OwnDeadLetter',
  Type.Object({
    id: Type.String(),
    box: Type.Enum(DEAD_LETTER_BOXES),
    consumer: Nullable(Type.String()),
    subscriber: Type.Optional(Type.String({ description: 'The subscriber that it could not be published to; otherwise absent.' })),
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
    replayedAt: Nullable(Type.String()),
    place: Type.String(),
  }),
);
export type DeadLetterItem = Static<typeof DeadLetterItem>;

export const DeadLetterPage = Page('OwnDeadLetterPage', DeadLetterItem);
/** Its last replay: the time, the requester, the filter, the rate and how many letters it moved. */
export const LastReplay = named(
  'LastReplay',
  Type.Object({
    at: Type.String({ format: 'date-time' }),
    by: Type.String(),
    filter: Type.Record(Type.String(), Type.String()),
    ratePerSecond: Type.Number(),
    replayed: Type.Integer(),
  }),
);
export const DeadLetterWithData = named(
  'OwnDeadLetterWithData',
  Type.Object({ ...DeadLetterItem.properties, data: Type.Any(), lastReplay: Nullable(LastReplay) }),
);
export const Replayed = named('OwnReplay', Type.Object({ replayed: Type.Integer() }));
/** A replay is made in batches, a call for each: none of them takes long. */
export const ReplayProgress = named(
  'ReplayProgress',
  Type.Object({ replay: Type.Integer(), replayed: Type.Integer(), isFinished: Type.Boolean() }),
);
export const RatePerSecond = Type.Integer({
  minimum: 1,
  maximum: 1_000,
  description: 'How many are tried again per second, in each service.',
});

const filter = {
  box: Type.Optional(Type.Enum(DEAD_LETTER_BOXES)),
  consumer: Type.Optional(Type.String({ maxLength: 200 })),
  type: Type.Optional(Type.String({ maxLength: 200 })),
};
/** Its cursor is a `place`, in which the gateway orders the lists of all services. */
const ListQuery = StrictObject({
  ...filter,
  limit: Type.Integer({ minimum: 1, maximum: 100 }),
  cursor: Type.Optional(Type.String()),
});
const Params = IdParams(Type.String());
/** `by`: the requester, as the calling service has verified it. */
const ReplayOne = named('OwnReplayRequest', StrictObject({ by: Type.String() }));
const ReplayMany = named('OwnReplaysRequest', StrictObject({ ...filter, by: Type.String(), ratePerSecond: Type.Optional(RatePerSecond) }));
const ReplayParams = Type.Object({ replay: Type.Integer({ minimum: 1 }) });

/** Where a service serves its dead letters to the gateway. */
export const DEAD_LETTERS_PATH = '/internal/dead-letters';

const config = { access: 'service' } as const;
const tags = ['internal'];

/** The dead letters of one service, for the other services. Ids are those of `DeadLetters`. */
export function installDeadLetterRoutes(http: Http, deadLetters: DeadLetters): void {
  http.get(
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

  http.get(
    `${DEAD_LETTERS_PATH}/:id`,
    {
      config,
      schema: {
        tags,
        operationId: 'getOwnDeadLetter',
        summary: 'One dead letter with its payload',
        params: Params,
        response: { 200: DeadLetterWithData, ...problems(deadLetterErrors, 'dead_letter_not_found') },
      },
    },
    async ({ params: { id } }) => {
      const { data, lastReplay, ...letter } = await find(id);
      return { ...toItem(letter), data, lastReplay: lastReplay ? { ...lastReplay, at: lastReplay.at.toISOString() } : null };
    },
  );

  http.post(
    `${DEAD_LETTERS_PATH}/:id/replay`,
    {
      config,
      schema: {
        tags,
        operationId: 'replayOwnDeadLetter',
        summary: 'Replay one dead letter',
        params: Params,
        body: ReplayOne,
        response: { 200: Replayed, ...problems(deadLetterErrors, 'dead_letter_not_found', 'dead_letter_too_old') },
      },
    },
    async ({ params: { id }, body: { by } }) => {
      if (await deadLetters.replay(id, by)) return { replayed: 1 };
      await find(id);
      throw deadLetterErrors.dead_letter_too_old();
    },
  );

  http.post(
    `${DEAD_LETTERS_PATH}/replays`,
    {
      config,
      schema: {
        tags,
        operationId: 'replayOwnDeadLetters',
        summary: 'Begin a replay of all dead letters of this service that match',
        body: ReplayMany,
        response: { 200: ReplayProgress },
      },
    },
    async ({ body: { by, ratePerSecond, ...chosen } }) =>
      await deadLetters.beginReplay(chosen, { by, ...(ratePerSecond === undefined ? {} : { ratePerSecond }) }),
  );

  http.post(
    `${DEAD_LETTERS_PATH}/replays/:replay`,
    {
      config,
      schema: {
        tags,
        operationId: 'continueOwnReplay',
        summary: 'The next batch of a replay',
        params: ReplayParams,
        response: { 200: ReplayProgress, ...problems(deadLetterErrors, 'dead_letter_not_found') },
      },
    },
    async ({ params: { replay } }) => orThrow(await deadLetters.continueReplay(replay), deadLetterErrors.dead_letter_not_found),
  );

  async function find(id: string) {
    return orThrow(await deadLetters.get(id), deadLetterErrors.dead_letter_not_found);
  }
}

const toItem = ({ consumer, occurredAt, failedAt, replayedAt, ...letter }: DeadLetter): DeadLetterItem => ({
  ...letter,
  consumer: consumer ?? null,
  occurredAt: occurredAt.toISOString(),
  failedAt: failedAt.toISOString(),
  replayedAt: replayedAt?.toISOString() ?? null,
});
