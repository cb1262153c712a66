import { compareLabels, type Labels, labelValue } from '../../../core/labels.ts'
import type { StepSeries } from '../evaluation/frame.ts'

/** So many series Prometheus sorts by insertion; it matters where its order contradicts itself, see `insertionSorted`. */
const INSERTION_MAX = 12

/**
 * Orders series by the values of labels, as people count: `a2` before `a10`. Where all of those are equal, by all labels.
 * A series that lacks a label comes last, or first when the order falls; but see `insertionSorted`.
 */
export function sortedByLabels(series: readonly StepSeries[], names: readonly string[], direction: 1 | -1): readonly StepSeries[] {
  if (series.length <= INSERTION_MAX) return insertionSorted(series, names, direction)
  return series.toSorted((a, b) => direction * compareByLabels(a.labels, b.labels, names))
}

/**
 * Prometheus's order of values is none where a label is missing, and with numbers such as `1` and `01`: each then is behind the other, or
 * before it. What comes out depends on the way of sorting, so a few series, as people look at, are sorted in its way.
 */
function insertionSorted(series: readonly StepSeries[], names: readonly string[], direction: 1 | -1): readonly StepSeries[] {
  const isBefore = (a: Labels, b: Labels) => {
    for (const name of names) {
      const [x, y] = [labelValue(a, name), labelValue(b, name)]
      if (x !== y) return comesBefore(x, y) === (direction === 1)
    }
    return direction * compareLabels(a, b) < 0
  }
  const inOrder = [...series]
  for (let i = 1; i < inOrder.length; i++) {
    const one = inOrder[i]!
    let at = i
    for (; at > 0 && isBefore(one.labels, inOrder[at - 1]!.labels); at--) inOrder[at] = inOrder[at - 1]!
    inOrder[at] = one
  }
  return inOrder
}

/** Never before or behind an empty text, and before what differs in zeros in front alone. */
function comesBefore(a: string, b: string): boolean {
  if (a === '' || b === '') return false
  return compareNaturally(a, b) <= 0
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
    } else if (x !== y) return Buffer.compare(Buffer.from(x), Buffer.from(y))
  }
  return partsA.length - partsB.length
}

function toInteger(text: string): bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined
  const value = BigInt(text)
  return value <= INTEGER_MAX ? value : undefined
}
