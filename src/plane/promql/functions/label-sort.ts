import { compareLabels, type Labels, labelValue } from '../../../core/labels.ts'
import type { StepSeries } from '../evaluation/frame.ts'

/**
 * Orders series by the values of labels, as people count: `a2` before `a10`. Where all of those are equal, by all labels.
 * A series that lacks a label comes last, or first when the order falls.
 */
export function sortedByLabels(series: readonly StepSeries[], names: readonly string[], direction: 1 | -1): readonly StepSeries[] {
  return series.toSorted((a, b) => direction * compareByLabels(a.labels, b.labels, names))
}

function compareByLabels(a: Labels, b: Labels, names: readonly string[]): number {
  for (const name of names) {
    const order = compareNaturally(labelValue(a, name), labelValue(b, name))
    if (order !== 0) return order
  }
  return compareLabels(a, b)
}

/** Largest number that Go holds in an `int`; what is larger is compared as text. */
const INTEGER_MAX = 2n ** 63n - 1n

/** Compares two texts with runs of digits as numbers. @returns 0 for equal texts, and for such as `a1` and `a01`. */
export function compareNaturally(a: string, b: string): number {
  if (a === '' || b === '') return a === b ? 0 : a === '' ? 1 : -1
  const partsA = a.match(/\d+|\D+/g)!
  const partsB = b.match(/\d+|\D+/g)!
  for (let i = 0; i < Math.min(partsA.length, partsB.length); i++) {
    const [x, y] = [partsA[i]!, partsB[i]!]
    const [m, n] = [toInteger(x), toInteger(y)]
    if (m !== undefined && n !== undefined) {
      if (m !== n) return m < n ? -1 : 1
    } else if (x !== y) return x < y ? -1 : 1
  }
  return partsA.length - partsB.length
}

function toInteger(text: string): bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const value = BigInt(text)
  return value <= INTEGER_MAX ? value : undefined
}
