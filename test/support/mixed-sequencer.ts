import { createHash } from 'node:crypto';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files of the tier `machine` take longest, those of `api` and those without a tier the shortest: they fill the gaps of the end. */
const FIRST = /\.machine\.test\.ts$/;
const LAST = /(?:\.api|\/[^.]+)\.test\.ts$/;

const placeOf = ({ moduleId, project }: TestSpecification): string => {
  const path = moduleId.slice(project.config.root.length);
  const part = FIRST.test(path) ? 0 : LAST.test(path) ? 2 : 1;
  return `${part} ${createHash('sha1').update(path).digest('hex')}`;
};

/**
 * Files that keep the processor busy and files that wait run side by side: within a project, and within one of three parts of it, their
 * order is random, but the same each time.
 */
export class MixedSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = Map.groupBy(await super.sort(files), ({ project }) => project.name);
    return [...byProject.values()].flatMap((ofProject) => ofProject.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)));
  }
}
