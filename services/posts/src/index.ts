import type { ServiceDefinition } from '@stoa/service';
import { postsConfig } from './config.ts';
import { createPosts, type PostsDeps } from './create-posts.ts';
import { seedPosts } from './seed-posts.ts';

export type { PostsDeps } from './create-posts.ts';
export type { PostsTables } from './tables.ts';

/** What people write for everybody to read. */
export const posts: ServiceDefinition<PostsDeps, typeof postsConfig> = {
  name: 'posts',
  config: postsConfig,
  migrations: new URL('../migrations/', import.meta.url),
  create: createPosts,
  seed: seedPosts,
};
