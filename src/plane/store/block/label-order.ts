import type { Labels } from '../../../core/labels.ts'

/** Order of series in a block: label by label, name then value, by UTF-16 code units; a prefix stands before what continues it. */
export function compareLabels(a: Labels, b: Labels): number {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const [nameA, valueA] = a[i]!
    const [nameB, valueB] = b[i]!
    if (nameA !== nameB) return nameA < nameB ? -1 : 1
    if (valueA !== valueB) return valueA < valueB ? -1 : 1
  }
  return a.length - b.length
}
