import { createCursors } from '@stoa/http';
import { createService, type ServiceDeps } from '@stoa/kit';
import type { ServiceDefinition } from '@stoa/service';
import { cleanUp } from './clean-up.ts';
import { type PostsConfig, postsConfig } from './config.ts';
import { postsErrors } from './errors.ts';
import { indexAgain } from './index-again.ts';
import { createUserEvents } from './on-user-events.ts';
import { readPostsRoutes } from './read-posts.routes.ts';
import { seedPosts } from './seed-posts.ts';
import type { PostsTables } from './tables.ts';
import { writePostsRoutes } from './write-posts.routes.ts';
import { createWritePosts } from './write-posts.ts';

const MONTH_SECONDS = 30 * 86_400;
const description = {
  name: 'posts',
  title: 'Stoa posts',
  description: 'What people write for everybody to read.',
  version: '1.0.0',
  errors: postsErrors.catalogue,
  tags: { posts: 'What people write. Everybody reads, also without an account.' },
};

/** Posts are written and read here; the names of their authors are learned from events. */
export const posts: ServiceDefinition<ServiceDeps<PostsConfig, PostsTables>, typeof postsConfig> = {
  name: description.name,
  config: postsConfig,
  permissions: ['posts:moderate'],
  migrations: new URL('../migrations/', import.meta.url),
  deployment: {
    api: { note: 'answers requests and grows with the load: searching is the work, as the gateways keep what everybody reads.' },
  },
  seed: seedPosts,
  create: (deps) =>
    createService(deps, description, (context) => {
      const { config, database, derive } = context;
      const { consumers, detachPosts, askForProfiles } = createUserEvents({ ...context, onUserDeleted: config.POSTS_ON_USER_DELETED });
      return {
        consumers,
        jobs: [detachPosts, askForProfiles, cleanUp, indexAgain],
        crons: [
          { job: askForProfiles.name, everySeconds: MONTH_SECONDS },
          { job: cleanUp.name, everySeconds: 60 },
          { job: indexAgain.name, everySeconds: 60 },
        ],
        routes(http) {
          readPostsRoutes(http, { query: database.query, cursors: createCursors(derive) });
          writePostsRoutes(http, createWritePosts(context));
        },
      };
    }),
};
