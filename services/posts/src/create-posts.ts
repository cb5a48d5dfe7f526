import { createServiceHttp, type Identity } from '@stoa/auth';
import { createCursors } from '@stoa/http';
import { type Broker, createMessaging, installDeadLetterRoutes, type Messaging } from '@stoa/messaging';
import type { Database } from '@stoa/postgres';
import type { Clock, DeriveKey, Logger, Metrics, Service } from '@stoa/service';
import { createCleanUp } from './clean-up.ts';
import type { PostsConfig } from './config.ts';
import { postsErrors } from './errors.ts';
import { createUserEvents } from './on-user-events.ts';
import { readPostsRoutes } from './read-posts.routes.ts';
import type { PostsTables } from './tables.ts';
import { writePostsRoutes } from './write-posts.routes.ts';
import { createWritePosts } from './write-posts.ts';

export interface PostsDeps {
  readonly config: PostsConfig;
  readonly database: Database<PostsTables>;
  readonly broker: Broker;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly derive: DeriveKey;
  /** What this process knows of who may come in. */
  readonly identity: Identity;
  readonly clock: Clock;
  readonly instanceId: string;
  /** Whether this process takes up events, or only answers. */
  readonly works: boolean;
}

const MONTH_SECONDS = 30 * 86_400;

/** The whole service: posts are written and read here, and who wrote them is learned from events. */
export async function createPosts(deps: PostsDeps): Promise<Service> {
  const { config, database, broker, log, metrics, derive, identity, clock, instanceId, works } = deps;
  const outbox: Messaging<PostsTables>['outbox'] = (tx) => messaging.outbox(tx);
  const { consumers, letPostsGo, askForProfiles } = createUserEvents({
    onUserDeleted: config.POSTS_ON_USER_DELETED,
    clock,
    outbox,
    jobs: (tx) => messaging.jobs(tx),
  });
  const cleanUp = createCleanUp({ clock });
  const messaging = createMessaging<PostsTables>({
    ...{ service: 'posts', database, broker, log, metrics, consumers, instanceId, works },
    jobs: [letPostsGo, askForProfiles, cleanUp],
    crons: [
      { job: askForProfiles.name, everySeconds: MONTH_SECONDS },
      { job: cleanUp.name, everySeconds: 60 },
    ],
  });
  const health = async () => (await Promise.all([database.health(), messaging.health()])).flat();
  const http = await createServiceHttp({
    ...{ name: 'posts', log, metrics, health, database, identity, derive, clock },
    title: 'Stoa posts',
    description: 'What people write for everybody to read.',
    version: '1.0.0',
    errors: postsErrors.catalogue,
    tags: { posts: 'What people write. Everybody reads, also without an account.' },
  });
  readPostsRoutes(http, { query: database.query, cursors: createCursors(derive) });
  writePostsRoutes(http, createWritePosts({ database, outbox, clock }));
  installDeadLetterRoutes(http, messaging.deadLetters);
  return { name: 'posts', http, start: messaging.start, stop: messaging.stop, health };
}
