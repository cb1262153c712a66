import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../../core/time.ts'
import type { ServedModel } from '../models/contract.ts'
import type { Claim } from '../queue/contract.ts'
import { testTask } from '../queue/testing.ts'
import { Demand, type Demanded } from './demand.ts'
import { Lane } from './lane.ts'

const CONCURRENCY = 4
const model = { revisions: () => [{ served: { concurrency: CONCURRENCY } }] } as unknown as ServedModel

const claimOf = (queue: string, deaths: number): Claim => {
  const base = { state: 'active', attempts: 1 + deaths, deaths, startedMs: 0, finishedMs: undefined, retryMs: undefined } as const
  return { task: { ...testTask(systemClock, { queue }), ...base, result: undefined, failure: undefined }, token: `${Math.random()}` }
}

/** A worker with these lanes whose every step is made by hand. */
class Bench {
  readonly lanes: ReadonlyMap<string, Lane>
  readonly demand: Demand
  readonly inHand: Claim[] = []

  constructor(...queues: string[]) {
    this.lanes = new Map(queues.map((queue) => [queue, new Lane(model, { batchRowsMax: 10, workMs: 50 })]))
    this.demand = new Demand(this.lanes)
  }

  next(): Demanded | undefined {
    return this.demand.next(1000, 0)
  }

  /** What the queue answered to it. @returns the suspect that is to be given back. */
  came(asked: Demanded, claims: readonly Claim[]): Claim | undefined {
    const { run, giveBack } = this.demand.came(asked, claims)
    for (const claim of run) {
      this.lanes.get(claim.task.queue)!.enter()
      this.inHand.push(claim)
    }
    return giveBack
  }

  end(claim: Claim): void {
    this.inHand.splice(this.inHand.indexOf(claim), 1)
    this.lanes.get(claim.task.queue)!.leave()
    if (claim.task.deaths > 0) this.demand.suspectEnded()
  }
}

const shortly = (asked: Demanded | undefined) => asked && [asked.queues.map(({ queue }) => queue).join(), asked.suspectsMax]

test('a queue that had nothing is asked again when there is news', () => {
  const bench = new Bench('a', 'b')
  const asked = bench.next()!
  expect(shortly(asked)).toEqual(['a,b', 1])
  bench.demand.news() // While the queue was asked: it may have come too late.
  bench.came(asked, [])
  const again = bench.next()!
  expect(shortly(again)).toEqual(['a,b', 1])
  bench.came(again, [claimOf('b', 0)])
  expect(shortly(bench.next())).toEqual(['b', 0]) // No suspects, and nothing in a.
  bench.demand.news()
  expect(shortly(bench.next())).toEqual(['a,b', 1])
})

test('a suspect that finds its lane empty runs; the lane takes nothing beside it, the others no suspects', () => {
  const bench = new Bench('a', 'b')
  const suspect = claimOf('a', 1)
  expect(bench.came(bench.next()!, [suspect, claimOf('b', 0)])).toBeUndefined()
  for (let i = 0; i < 3; i++) {
    const asked = bench.next()!
    expect(shortly(asked)).toEqual(['b', 0])
    bench.came(asked, [claimOf('b', 0)])
    bench.demand.news()
  }
  bench.end(suspect)
  const others = bench.next()!
  expect(shortly(others)).toEqual(['a,b', 0]) // Others have a turn after each.
  bench.came(others, [])
  expect(shortly(bench.next())).toEqual(['a,b', 1])
})

test('a suspect whose lane is busy is given back, and asked for again when the lane is empty', () => {
  const bench = new Bench('a', 'b')
  const busy = claimOf('a', 0)
  bench.came(bench.next()!, [busy])
  bench.demand.news()
  const suspect = claimOf('a', 1)
  expect(bench.came(bench.next()!, [suspect])).toBe(suspect)
  bench.demand.news()
  expect(shortly(bench.next())).toEqual(['b', 0])
  bench.end(busy)
  expect(shortly(bench.next())).toEqual(['b', 0]) // It is not back yet.
  bench.demand.gaveBack()
  const alone = bench.next()!
  expect(shortly(alone)).toEqual(['a', 1])
  expect(bench.came(alone, [suspect])).toBeUndefined()
  expect(shortly(bench.next())).toEqual(['b', 0])
})

test('a lane that was emptied for a suspect which another worker took goes on', () => {
  const bench = new Bench('a', 'b')
  const busy = claimOf('a', 0)
  bench.came(bench.next()!, [busy])
  bench.demand.news()
  bench.came(bench.next()!, [claimOf('a', 1)])
  bench.demand.gaveBack()
  bench.end(busy)
  bench.came(bench.next()!, [claimOf('a', 0)])
  expect(shortly(bench.next())).toEqual(['a,b', 1]) // Those of b were never asked for.
})

test('no room, or a lane that rests: nothing is asked for', () => {
  const bench = new Bench('a')
  expect(bench.demand.next(0, 0)).toBeUndefined()
  bench.lanes.get('a')!.rest(0, () => 1)
  expect(bench.next()).toBeUndefined()
})

/** Answers as the queue is bound to, from lists of tasks by lane; suspects first, alone of their lane. */
function answer({ queues, suspectsMax }: Demanded, waiting: Map<string, Claim[]>): Claim[] {
  const claims: Claim[] = []
  let suspectsLeft: number = suspectsMax
  for (const { queue, tasksMax } of queues) {
    const line = waiting.get(queue)!
    const suspect = suspectsLeft > 0 ? line.find(({ task }) => task.deaths > 0) : undefined
    const taken = suspect === undefined ? line.filter(({ task }) => task.deaths === 0).slice(0, tasksMax) : [suspect]
    if (suspect !== undefined) suspectsLeft--
    waiting.set(
      queue,
      line.filter((claim) => !taken.includes(claim)),
    )
    claims.push(...taken)
  }
  return claims
}

const tasks = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat({ max: 2 })), { maxLength: 60 })

test('property: never two suspects in hand, nothing beside one in its lane, and everything comes to its end', () => {
  fc.assert(
    fc.property(tasks, fc.infiniteStream(fc.nat()), (specs, choices) => {
      const bench = new Bench('a', 'b', 'c')
      const waiting = new Map(
        ['a', 'b', 'c'].map((queue) => [queue, specs.filter(([lane]) => lane === queue).map((spec) => claimOf(...spec))]),
      )
      const returning: Claim[] = []
      let ended = 0
      // Each turn claims, ends a task, or brings back what was given back; six of them for each task are plenty.
      for (let turn = 0; ended < specs.length; turn++) {
        expect(turn, 'turns').toBeLessThan(20 + specs.length * 6)
        const asked = bench.next()
        const choice = choices.next().value
        const steps = [
          ...(asked === undefined ? [] : ['claim']),
          ...bench.inHand.map((claim) => claim),
          ...(returning.length > 0 ? ['return'] : []),
        ]
        expect(steps.length, 'something can be done').toBeGreaterThan(0)
        const step = steps[choice % steps.length]!
        if (step === 'claim') {
          const given = bench.came(asked!, answer(asked!, waiting))
          if (given !== undefined) returning.push(given)
        } else if (step === 'return') {
          const claim = returning.pop()!
          waiting.get(claim.task.queue)!.unshift(claim)
          bench.demand.gaveBack()
          bench.demand.news()
        } else {
          bench.end(step as Claim)
          ended++
        }
        const suspects = bench.inHand.filter(({ task }) => task.deaths > 0)
        expect(suspects.length + returning.length).toBeLessThanOrEqual(1)
        for (const { task } of suspects) expect(bench.inHand.filter((claim) => claim.task.queue === task.queue)).toHaveLength(1)
      }
    }),
    { numRuns: 300 },
  )
})

test('neither do many suspects hold others up, nor others the suspects', () => {
  const bench = new Bench('a')
  const waiting = new Map([['a', Array.from({ length: 400 }, (_, i) => claimOf('a', i < 200 ? 1 : 0))]])
  const order: number[] = []
  while (order.length < 400) {
    for (let asked = bench.next(); asked !== undefined; asked = bench.next()) {
      const given = bench.came(asked, answer(asked, waiting))
      if (given === undefined) continue
      waiting.get('a')!.unshift(given)
      bench.demand.gaveBack()
      bench.demand.news()
    }
    const claim = bench.inHand[0]!
    order.push(claim.task.deaths)
    bench.end(claim)
  }
  const suspectsBy = (count: number) => order.slice(0, count).filter((deaths) => deaths > 0).length
  // A full hand of others for each suspect, until the others are done.
  for (const count of [50, 100, 200]) expect(Math.abs(suspectsBy(count) - count / (CONCURRENCY + 1))).toBeLessThanOrEqual(2)
})
