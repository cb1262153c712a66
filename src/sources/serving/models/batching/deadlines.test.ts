import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'
import { SimulatedLoop } from './testing.ts'

function watch() {
  const loop = new SimulatedLoop()
  const told: [timeMs: number, names: string[]][] = []
  const deadlines = new Deadlines<{ name: string; deadlineMs: number | undefined }>(loop, (passed) =>
    told.push([Math.round(loop.now()), passed.map(({ name }) => name)]),
  )
  return { loop, told, deadlines }
}

test('each deadline is told once, when it passes, in whatever order they were set', async () => {
  const { loop, told, deadlines } = watch()
  for (const [name, deadlineMs] of [
    ['late', 1200],
    ['soon', 1010],
    ['never', undefined],
    ['soon too', 1011],
    ['answered', 1050],
  ] as const) {
    const one = { name, deadlineMs }
    deadlines.add(one)
    if (name === 'answered') deadlines.delete(one)
  }
  await loop.run()
  expect(told).toEqual([
    [1010, ['soon']],
    [1012, ['soon too']],
    [1200, ['late']],
  ])
})

test('one that has passed already is told at once, and one at infinity never', async () => {
  const { loop, told, deadlines } = watch()
  deadlines.add({ name: 'past', deadlineMs: 5 })
  deadlines.add({ name: 'endless', deadlineMs: Number.POSITIVE_INFINITY })
  await loop.run()
  expect(told).toEqual([[1000, ['past']]])
})

test('nothing is left behind when all were answered', async () => {
  const { loop, told, deadlines } = watch()
  const one = { name: 'one', deadlineMs: 1500 }
  deadlines.add(one)
  deadlines.delete(one)
  await loop.run()
  expect(loop.now()).toBe(1000)
  expect(told).toEqual([])
})
