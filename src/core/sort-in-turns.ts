import type { Pace } from './turns.ts'

/** Items sorted in one go: about a millisecond. */
const RUN = 512
/** What a comparison takes, in the units of the pace. */
const COMPARISON_WORK = 10

/** Sorts in place, stable, and lets others work in between: runs are sorted one by one, then merged two by two. */
export async function sortInTurns<T>(items: T[], compare: (a: T, b: T) => number, pace: Pace): Promise<void> {
  if (items.length <= RUN) {
    items.sort(compare)
    return
  }
  for (let from = 0; from < items.length; from += RUN) {
    const run = items.slice(from, from + RUN).sort(compare)
    for (const [i, item] of run.entries()) items[from + i] = item
    if (pace.due(RUN * Math.log2(RUN) * COMPARISON_WORK)) await pace.breathe()
  }
  for (let width = RUN; width < items.length; width *= 2) {
    for (let from = 0; from + width < items.length; from += 2 * width) {
      const left = items.slice(from, from + width)
      const right = from + width
      const to = Math.min(right + width, items.length)
      // The left run is put aside; the right one is never overtaken by what is written.
      for (let at = from, l = 0, r = right; l < left.length; at++) {
        items[at] = r >= to || compare(left[l]!, items[r]!) <= 0 ? left[l++]! : items[r++]!
        if (pace.due(COMPARISON_WORK)) await pace.breathe()
      }
    }
  }
}
