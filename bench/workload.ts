/** One line of the table. */
export interface Result {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The same unit, measured in the same run: what the machine does without us. */
  readonly floor?: number;
  readonly goal?: string;
}

export type Workload = () => Promise<readonly Result[]>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Measures both sides in turn, so that a slow minute of the machine hits both; the median of each. */
export async function inTurns(
  rounds: number,
  ours: () => Promise<number>,
  floor: () => Promise<number>,
): Promise<{ value: number; floor: number }> {
  const values: number[] = [];
  const floors: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    floors.push(await floor());
    values.push(await ours());
  }
  return { value: median(values), floor: median(floors) };
}
