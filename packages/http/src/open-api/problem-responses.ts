import { isDeepStrictEqual } from 'node:util';
import { PROBLEM_MEDIA_TYPE, Problem, type ProblemExamples } from '../problem.ts';
import { headerReferences, headersOfProblem } from './answer-headers.ts';
import type { Schemas } from './schemas.ts';

/** The error answers of one description: each set of codes declared once, with an example of each code. */
export interface ProblemResponses {
  /** @returns a reference to the answer of this status with one of the codes that have examples. */
  refer(status: number, examples: ProblemExamples, isIdempotent: boolean): { $ref: string };
  /** The media type alone, where the status has other answers too. */
  media(examples: ProblemExamples): object;
  readonly responses: ReadonlyMap<string, object>;
  readonly examples: ReadonlyMap<string, object>;
}

export function createProblemResponses(schemas: Schemas): ProblemResponses {
  const responses = new Map<string, object>();
  const shared = new Map<string, object>();

  function media(examples: ProblemExamples): object {
    const codes = Object.keys(examples).sort();
    for (const code of codes) {
      const [before, now] = [shared.get(code), examples[code] as object];
      if (before !== undefined && !isDeepStrictEqual(before, now)) throw new Error(`two different errors have the code ${code}`);
      shared.set(code, now);
    }
    return {
      schema: {
        allOf: [
          schemas.describe(Problem, true),
          { type: 'object', required: ['code'], properties: { code: { type: 'string', enum: codes } } },
        ],
      },
      examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
    };
  }

  return {
    responses,
    examples: shared,
    media,
    refer(status, examples, isIdempotent) {
      const codes = Object.keys(examples).sort();
      const headers = headersOfProblem(status, codes, isIdempotent);
      const name = codes.map(pascal).join('Or') + (headers.includes('Idempotency-Replayed') ? 'Replayable' : '');
      responses.set(name, {
        description: describeCodes(examples),
        headers: headerReferences(headers),
        content: { [PROBLEM_MEDIA_TYPE]: media(examples) },
      });
      return { $ref: `#/components/responses/${name}` };
    },
  };
}

/** What each code means. */
export const describeCodes = (examples: ProblemExamples): string =>
  Object.entries(examples)
    .map(([code, { value }]) => `\`${code}\`: ${value.title}`)
    .sort()
    .join('\n\n');

const pascal = (code: string) => code.replaceAll(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
