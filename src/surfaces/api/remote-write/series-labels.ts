import { type Labels, METRIC_NAME } from '../../../core/labels.ts'

/**
 * Checks the labels of a series as the specification of remote write wants them, and puts them in our own form.
 * @param pairs - In the order they came.
 * @returns the labels without the empty ones, or a sentence that says what is wrong with them.
 */
export function checkLabels(pairs: readonly (readonly [name: string, value: string])[]): Labels | string {
  let isPlain = true
  for (const [i, [name, value]] of pairs.entries()) {
    if (name === '') return 'a label has no name'
    const before = pairs[i - 1]?.[0]
    if (before !== undefined) {
      if (before === name) return `label ${JSON.stringify(name)} is there twice`
      if (compareUtf8(before, name) > 0) return `labels are not sorted: ${JSON.stringify(name)} stands behind ${JSON.stringify(before)}`
      // The wire sorts by bytes, and we by code units; they differ beyond the basic plane alone.
      if (before > name) isPlain = false
    }
    if (value === '') isPlain = false
  }
  if (!pairs.some(([name, value]) => name === METRIC_NAME && value !== '')) return `there is no label ${METRIC_NAME}`
  if (isPlain) return pairs
  return pairs.filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1))
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
