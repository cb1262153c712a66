import type { Labels } from './labels.ts'

/**
 * 52 bits of a set of labels, a safe integer ≥ 0: to tell series apart where there is no room for their texts. Among a million series two share
 * a hash in one case of ten thousand.
 */
export function hashLabels(labels: Labels): number {
  let low = 0x811c9dc5
  let high = 0x9747b28c
  const mix = (code: number) => {
    low = Math.imul(low ^ code, 0x01000193)
    high = Math.imul(high ^ code, 0x5bd1e995)
    high ^= high >>> 15
  }
  for (const label of labels) {
    for (const text of label) {
      for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i))
      mix(0x10ffff) // No character of a text: what ends here must not run into what follows.
    }
  }
  return (low >>> 0) * 2 ** 20 + (high & 0xfffff)
}
