import { expect, test } from 'vitest'
import { createRandom } from '../../../../core/random.ts'
import { CostModel } from './cost-model.ts'

const learn = (calls: readonly (readonly [rows: number, elapsedMs: number])[], cost = new CostModel()) => {
  for (const [rows, elapsedMs] of calls) cost.observe(rows, elapsedMs)
  return cost
}
const random = createRandom(5)
/** ± a tenth. */
const noise = () => 0.9 + 0.2 * random()
const sizes = (count: number, rowsMax: number) => Array.from({ length: count }, () => 1 + Math.floor(random() * rowsMax))

test.for([
  { why: 'mostly fixed', fixedMs: 8, rowMs: 0.05 },
  { why: 'mostly rows', fixedMs: 0.1, rowMs: 1 },
  { why: 'tens of microseconds', fixedMs: 0.05, rowMs: 0.001 },
])('both costs are found under noise: $why', ({ fixedMs, rowMs }) => {
  const cost = learn(sizes(200, 64).map((rows) => [rows, (fixedMs + rowMs * rows) * noise()]))
  for (const rows of [1, 16, 64]) expect(Math.abs(cost.callMs(rows) / (fixedMs + rowMs * rows) - 1)).toBeLessThan(0.15)
})

test('before the first call everything costs nothing; after it, what that call cost', () => {
  const cost = new CostModel()
  expect(cost.callMs(100)).toBe(0)
  cost.observe(10, 5)
  expect(cost.callMs(10)).toBeCloseTo(5)
})

test('calls of one size keep what was learned of the other sizes', () => {
  const cost = learn(sizes(200, 64).map((rows) => [rows, 2 + 0.1 * rows]))
  learn(
    Array.from({ length: 2000 }, () => [16, (2 + 1.6) * noise()] as const),
    cost,
  )
  expect(cost.callMs(16)).toBeCloseTo(3.6, 0)
  expect(cost.rowMs).toBeCloseTo(0.1, 1)
})

test('a pause of the machine is no change of the model', () => {
  const cost = learn(sizes(100, 8).map((rows) => [rows, 1 + 0.1 * rows]))
  cost.observe(4, 500)
  expect(cost.callMs(4)).toBeLessThan(1.4 * 1.3)
})

test('a model that became ten times slower, or faster, is known within some fifty calls', () => {
  const cost = learn(sizes(200, 8).map((rows) => [rows, 1 + 0.1 * rows]))
  learn(
    sizes(50, 8).map((rows) => [rows, 10 + rows]),
    cost,
  )
  expect(cost.callMs(4)).toBeGreaterThan(10)
  learn(
    sizes(150, 8).map((rows) => [rows, 1 + 0.1 * rows]),
    cost,
  )
  expect(cost.callMs(4)).toBeLessThan(2)
})

test('neither cost is ever negative or without a number, whatever is seen', () => {
  const cost = new CostModel()
  for (let i = 0; i < 5000; i++) {
    cost.observe(1 + Math.floor(random() * 1000), random() < 0.1 ? 0 : random() ** 8 * 1000)
    expect(cost.fixedMs >= 0 && cost.rowMs >= 0 && Number.isFinite(cost.fixedMs + cost.rowMs)).toBe(true)
  }
})
