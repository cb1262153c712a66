import type { Pace } from '../../../core/turns.ts'

/** `items.map(f)`, letting others work in between. @param work - What one item takes, in the units of the pace. */
export async function mapInTurns<T, U>(items: readonly T[], work: number, pace: Pace, f: (item: T) => U): Promise<U[]> {
  const mapped: U[] = []
  for (const item of items) {
    mapped.push(f(item))
    if (pace.due(work)) await pace.breathe()
  }
  return mapped
}
