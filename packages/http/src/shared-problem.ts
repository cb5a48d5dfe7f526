import { PROBLEM_MEDIA_TYPE, Problem } from './problem.ts';

const REFERENCE = { $ref: '#/components/schemas/Problem' };

interface Operation {
  readonly responses?: Record<string, { content?: Record<string, { schema?: object }> }>;
}

interface Document {
  readonly paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, unknown> };
}

/** Every error answer has one form: said once, and referred to, the description is half as long. */
export function shareProblem<T extends object>(document: T): T {
  const { paths = {}, components = {} } = document as Document;
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  for (const { responses = {} } of operations) {
    for (const { content = {} } of Object.values(responses)) {
      const media = content[PROBLEM_MEDIA_TYPE];
      if (media?.schema !== undefined) media.schema = REFERENCE;
    }
  }
  return { ...document, components: { ...components, schemas: { ...components.schemas, Problem } } };
}
