import type { Pace } from '../../../core/turns.ts'

/** Strings sorted at a stretch; about a millisecond's work. */
const RUN = 2048

/** Sorts by UTF-16 code units, as `<` compares. A million label values would stop everything else for a second, so it is done in runs that are merged. */
export async function sortStrings(strings: string[], pace: Pace): Promise<string[]> {
  if (strings.length <= RUN) return strings.sort()
  let sorted: string[] = []
  for (let from = 0; from < strings.length; from += RUN) {
    for (const text of strings.slice(from, from + RUN).sort()) sorted.push(text)
    if (pace.due(RUN * 20)) await pace.breathe()
  }
  let other = new Array<string>(sorted.length)
  for (let width = RUN; width < sorted.length; width *= 2) {
    for (let from = 0; from < sorted.length; from += width * 2) {
      const middle = Math.min(from + width, sorted.length)
      const end = Math.min(from + width * 2, sorted.length)
      for (let a = from, b = middle, out = from; out < end; out++) {
        other[out] = b >= end || (a < middle && sorted[a]! <= sorted[b]!) ? sorted[a++]! : sorted[b++]!
        if (pace.due(3)) await pace.breathe()
      }
    }
    ;[sorted, other] = [other, sorted]
  }
  return sorted
}
