import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Labels } from '../../../core/labels.ts'
import { SeriesCache } from './series-cache.ts'

function source(text: string) {
  const bytes = Uint8Array.from(Buffer.from(text))
  return { bytes, view: new DataView(bytes.buffer) }
}
const labels = (name: string): Labels => [['__name__', name]]
const find = (cache: SeriesCache, text: string) => cache.find(source(text), 0, text.length)
const add = (cache: SeriesCache, text: string) => cache.add(source(text), 0, text.length, labels(text))

test('a series is found by its bytes, wherever they stand', () => {
  const cache = new SeriesCache({ seriesMax: 10, bytesMax: 1000 })
  expect(find(cache, 'abcdefg')).toBeUndefined()
  add(cache, 'abcdefg').ref = 7
  expect(cache.find(source('--abcdefg-'), 2, 9)).toMatchObject({ ref: 7, labels: labels('abcdefg') })
  expect(find(cache, 'abcdefG')).toBeUndefined()
  expect(find(cache, 'abcdef')).toBeUndefined()
})

test('what is asked for stays, what is not goes, and the going is counted', () => {
  const cache = new SeriesCache({ seriesMax: 4, bytesMax: 1000 })
  for (const name of ['a', 'b', 'c']) add(cache, name) // c begins a new generation; a and b are the old one.
  expect(find(cache, 'a')?.labels).toEqual(labels('a')) // It moves to the young one.
  add(cache, 'd')
  expect([...'abcd'].filter((name) => find(cache, name) !== undefined).sort()).toEqual(['a', 'c', 'd'])
  expect(cache.evictions).toBe(1) // b; the others moved on in time.
  expect(cache.size).toBeLessThanOrEqual(4)
})

test('bytes are bounded too', () => {
  const cache = new SeriesCache({ seriesMax: 1000, bytesMax: 40 })
  for (let i = 0; i < 50; i++) add(cache, `series-${i}`.padEnd(12))
  expect(cache.size).toBeLessThanOrEqual(4)
})

test('it never mistakes one series for another, in whatever order they come', () => {
  const name = fc.string({ minLength: 1, maxLength: 9, unit: fc.constantFrom('a', 'b', 'c') })
  fc.assert(
    fc.property(fc.array(name, { maxLength: 200 }), fc.integer({ min: 2, max: 50 }), (names, seriesMax) => {
      const cache = new SeriesCache({ seriesMax, bytesMax: 10_000 })
      for (const [i, one] of names.entries()) {
        if (i % 37 === 0) cache.begin()
        const known = find(cache, one) ?? add(cache, one)
        expect(known.labels).toEqual(labels(one))
      }
    }),
  )
})
