import { expect, test } from 'vitest'
import { Registry } from '../instrument/index.ts'
import { createQualityTracker, PREDICTION_ID_LENGTH } from './quality.ts'
import { testSchema } from './testing.ts'

const truth = (warmth: number) => new Map([['warmth', warmth]])

test('rows that are remembered together are each found by their own id, with their own values', () => {
  const registry = new Registry()
  const quality = createQualityTracker(testSchema, 'v1', registry, { predictionsMax: 10, delayMsMax: 1000 })
  const before = quality.predicted([Float64Array.of(7)], 0, 0)
  const text = quality.predictedRows([Float64Array.of(10, 20, 30)], 3, 5)
  const ids = text.split(',').slice(0, -1)
  expect(ids.map((id) => id.length)).toEqual([PREDICTION_ID_LENGTH, PREDICTION_ID_LENGTH, PREDICTION_ID_LENGTH])
  expect(quality.labelled(ids[1]!, truth(17), 6)).toBe('matched') // Three too many.
  expect(registry.render()).toContain('modelwatch_error_over_total{model="demo",revision="v1",name="warmth"} 3\n')
  expect(quality.labelled(before, truth(7), 6)).toBe('matched')
  expect([ids[0], ids[2], ids[1]].map((id) => quality.labelled(id!, truth(1), 6))).toEqual(['matched', 'matched', 'duplicate'])
  expect(quality.labelled(quality.predicted([Float64Array.of(1)], 0, 5), truth(1), 1006)).toBe('late')
})

test('of more rows than are remembered the last ones are, and no rows have no ids', () => {
  const quality = createQualityTracker(testSchema, 'v1', new Registry(), { predictionsMax: 2, delayMsMax: 1000 })
  expect(quality.predictedRows([new Float64Array(0)], 0, 0)).toBe('')
  const ids = quality.predictedRows([Float64Array.of(1, 2, 3)], 3, 0).split(',')
  expect(ids.slice(0, 3).map((id) => quality.labelled(id, truth(1), 1))).toEqual(['orphan', 'matched', 'matched'])
})
