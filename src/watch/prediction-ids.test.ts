import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createPredictionIds } from './prediction-ids.ts'

const ids = createPredictionIds()

test('what is written is read back, and is a UUID of version 8', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), fc.nat(255), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (low, high, nonce) => {
      const key = { sequence: high * 2 ** 32 + low, nonce }
      const id = ids.format(key)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-9[0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(ids.parse(id)).toEqual(key)
    }),
  )
})

test('many at once are the ids that each would have, also where a block of them ends', () => {
  for (const sequence of [0, 65_530, 2 ** 32 - 3, 2 ** 40 - 4]) {
    const nonces = Uint32Array.from({ length: 10 }, () => ids.nonce())
    const each = Array.from(nonces, (nonce, i) => `${ids.format({ sequence: sequence + i, nonce })},`)
    expect(ids.formatMany(sequence, nonces)).toBe(each.join(''))
  }
  expect(ids.formatMany(0, new Uint32Array(0))).toBe('')
})

test.for(['', 'x', '47140eb6-4062-4326-834d-522a838cac31', 'é'.repeat(36)])('%s is not an id of this source', (id) =>
  expect(ids.parse(id)).toBeUndefined(),
)

test('an id with one character changed is another id, or none', () => {
  const key = { sequence: 7, nonce: 9 }
  const id = ids.format(key)
  for (let i = 0; i < id.length; i++) expect(ids.parse(`${id.slice(0, i)}${id[i] === '0' ? '1' : '0'}${id.slice(i + 1)}`)).not.toEqual(key)
})

test('another source knows nothing of it, and random bits differ', () => {
  expect(createPredictionIds().parse(ids.format({ sequence: 1, nonce: 2 }))).toBeUndefined()
  expect(new Set(Array.from({ length: 5000 }, () => ids.nonce())).size).toBeGreaterThan(4990)
})
