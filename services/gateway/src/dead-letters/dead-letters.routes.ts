import { actorOf } from '@stoa/auth';
import { Answer, type Cursors, type Http, IdParams, NoBody, Page, PageQuery, problems, StrictObject } from '@stoa/http';
import { DeadLetterItem, DeadLetterWithData, deadLetterErrors, RatePerSecond } from '@stoa/kit';
import { DEAD_LETTER_BOXES } from '@stoa/messaging';
import { named } from '@stoa/service';
import { Type } from 'typebox';
import type { AllDeadLetters, Places } from './all-dead-letters.ts';

const { place: _place, id: _id, ...known } = DeadLetterItem.properties;
const Id = Type.String({ description: '`<service>.<box>-<number>`, as on the command line.', examples: ['mailer.inbox-17'] });

const Item = { id: Id, service: Type.String({ examples: ['mailer'] }), ...known };
const Unavailable = Type.Array(Type.String(), {
  description: 'Services that could not be reached: their dead letters are missing here.',
  examples: [[]],
});
const List = Page('DeadLetterPage', named('DeadLetter', Type.Object(Item)), { unavailable: Unavailable });
const WithData = named(
  'DeadLetterWithData',
  Type.Object({
    ...Item,
    data: Type.Any({ description: 'The payload of the message; may hold personal data.' }),
    lastReplay: DeadLetterWithData.properties.lastReplay,
  }),
);
const Replayed = named('Replay', Type.Object({ replayed: Type.Integer(), unavailable: Unavailable }));
const tags = ['dead letters'];

export interface DeadLettersRoutes {
  readonly deadLetters: AllDeadLetters;
  readonly cursors: Cursors;
  /** The services that have dead letters. */
  readonly services: readonly string[];
}

/** What could be neither published nor handled, of all services: look at it, mend the cause, have it tried again. */
export function deadLettersRoutes(http: Http, { deadLetters, cursors, services }: DeadLettersRoutes): void {
  const filter = {
    service: Type.Optional(Type.Enum([...services])),
    box: Type.Optional(Type.Enum(DEAD_LETTER_BOXES, { description: 'Not handled, not published, or a task that was given up.' })),
    consumer: Type.Optional(Type.String({ maxLength: 200, examples: ['on-activation-requested'] })),
    type: Type.Optional(Type.String({ maxLength: 200, examples: ['activation-requested'] })),
  };

  http.get(
    '/v1/dead-letters',
    {
      config: { access: { permission: 'dead-letters:read' } },
      schema: {
        tags,
        operationId: 'listDeadLetters',
        summary: 'List the dead letters of all services, newest first',
        description: 'Without their payloads.',
        querystring: PageQuery(filter),
        response: { 200: Answer('The dead letters of one page.', List) },
      },
    },
    async ({ query: { limit, cursor, ...chosen } }) => {
      const scope = { list: 'dead-letters', ...chosen };
      const after = toPlaces(cursors.decode<string[]>(scope, cursor) ?? []);
      const { items, next, unavailable } = await deadLetters.list(chosen, limit, after);
      const nextCursor = next === undefined ? null : cursors.encode(scope, [...next].flat());
      return { items, nextCursor, unavailable };
    },
  );

  http.get(
    '/v1/dead-letters/:id',
    {
      config: { access: { permission: 'dead-letters:read' } },
      schema: {
        tags,
        operationId: 'getDeadLetter',
        summary: 'One dead letter with its payload',
        params: IdParams(Id),
        response: { 200: Answer('The dead letter.', WithData), ...problems(deadLetterErrors, 'dead_letter_not_found') },
      },
    },
    async ({ params: { id } }) => await deadLetters.get(id),
  );

  http.post(
    '/v1/dead-letters/:id/replay',
    {
      config: { access: { permission: 'dead-letters:replay' } },
      schema: {
        tags,
        operationId: 'replayDeadLetter',
        summary: 'Replay a dead letter',
        params: IdParams(Id),
        response: {
          202: NoBody('It is tried again soon, as if it were new. No body.'),
          ...problems(deadLetterErrors, 'dead_letter_not_found', 'dead_letter_too_old'),
        },
      },
    },
    async (request) => {
      await deadLetters.replay(request.params.id, actorOf(request.principal));
    },
  );

  http.post(
    '/v1/dead-letters/replay',
    {
      config: { access: { permission: 'dead-letters:replay' } },
      schema: {
        tags,
        operationId: 'replayDeadLetters',
        summary: 'Replay all dead letters that match',
        description:
          'Those that are dead now, oldest first, spread over time at `ratePerSecond` in each service. An empty filter means all of them. Each service records who requested it.',
        body: named(
          'ReplayRequest',
          StrictObject(
            { ...filter, ratePerSecond: Type.Optional({ ...RatePerSecond, default: 50 }) },
            { examples: [{ service: 'mailer', consumer: 'on-activation-requested' }] },
          ),
        ),
        response: { 202: Answer('How many are tried again soon.', Replayed) },
      },
    },
    async (request) => {
      const { ratePerSecond = 50, ...chosen } = request.body;
      return await deadLetters.replayAll(chosen, ratePerSecond, actorOf(request.principal));
    },
  );
}

/** Back from `[service, place, service, place …]`. */
const toPlaces = (flat: readonly string[]): Places =>
  new Map(flat.flatMap((service, index) => (index % 2 === 0 ? [[service, flat[index + 1] as string] as const] : [])));
