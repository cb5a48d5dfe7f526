import { type Static, Type } from 'typebox';

export const postsConfig = Type.Object({
  POSTS_ON_USER_DELETED: Type.Enum(['delete', 'anonymise'], {
    default: 'delete',
    description: 'What becomes of the posts of an account that is deleted: they are deleted too, or stay without an author.',
  }),
});

export type PostsConfig = Static<typeof postsConfig>;
