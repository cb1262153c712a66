import { type Random, shuffled } from '../../../src/core/random.ts'
import type { Victim } from './world.ts'

export interface Strike {
  readonly victim: Victim
  readonly how: 'kill' | 'freeze'
  /** It comes when so many tasks are accepted, and a little later, so that it falls anywhere. */
  readonly at: number
  readonly afterMs: number
}

const TASKS_PER_KILL = 500
const FREEZES = 2
const AFTER_MS_MAX = 300
/** Kills once everything is submitted. */
const LATE_KILLS = 4

/**
 * Who is killed when: everybody as often. By what has been done rather than by time, so that a slow machine is not killed more often.
 * @returns in the order of `at`; the last ones when all are accepted.
 */
export function planStrikes(tasks: number, victims: readonly Victim[], random: Random): Strike[] {
  const count = Math.max(2 * victims.length, Math.round(tasks / TASKS_PER_KILL))
  const early = Array.from({ length: count }, (_, i) => victims[i % victims.length]!)
  const late = shuffled([...victims, ...victims], random).slice(0, LATE_KILLS)
  const frozen = Array.from({ length: FREEZES }, (_, i) => (i % 2 === 0 ? 'worker 1' : 'worker 2'))
  const plan = (how: Strike['how'], at: () => number) => (victim: Victim) => ({ victim, how, at: at(), afterMs: random() * AFTER_MS_MAX })
  const anywhere = () => Math.floor(random() * tasks)
  return [...early.map(plan('kill', anywhere)), ...frozen.map(plan('freeze', anywhere)), ...late.map(plan('kill', () => tasks))].sort(
    (a, b) => a.at - b.at,
  )
}
