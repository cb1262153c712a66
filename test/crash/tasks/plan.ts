import type { Random } from '../../../src/core/random.ts'

/**
 * What is to become of a task.
 *   add:    its predictions
 *   fail:   dead with the model's error, after all attempts
 *   refuse: dead with the model's refusal, after one
 *   die:    dead as poisonous: it takes its thread with it
 *   late:   its predictions, or dead for its deadline passed
 *   cancel: cancelled, or its predictions when they came first
 */
export type Intent = 'add' | 'fail' | 'refuse' | 'die' | 'late' | 'cancel'

export interface PlannedTask {
  /** Which one it is: the value of `a` in each of its rows. */
  readonly number: number
  readonly intent: Intent
  readonly rows: readonly { readonly a: number; readonly b: number; readonly act: string }[]
  readonly key: string | undefined
  /** Its submission is sent again although it was answered. */
  readonly twice: boolean
  readonly webhook: boolean
  readonly priority: number | undefined
  /** Its client leaves in the middle of the first submission, after so long. */
  readonly hangUpMs: number | undefined
  readonly deadlineMs: number | undefined
  /** Somebody waits for it from the moment it is accepted. */
  readonly followed: boolean
}

/** What a task's model answers to row `b`. */
export const totalOf = (number: number, b: number): number => 1000 * number + b

const ROWS_MAX = 3
/** Each costs a thread several times. */
const POISONOUS_EVERY = 2000

export function planTask(number: number, random: Random): PlannedTask {
  const chance = (ratio: number) => random() < ratio
  const intent = pickIntent(number, random)
  const rows = 1 + Math.floor(random() * ROWS_MAX)
  const special = Math.floor(random() * rows)
  const act = intent === 'fail' || intent === 'refuse' || intent === 'die' ? intent : 'add'
  const key = chance(0.4) ? `key-${number}` : undefined
  return {
    number,
    intent,
    rows: Array.from({ length: rows }, (_, b) => ({ a: number, b, act: b === special ? act : 'add' })),
    key,
    twice: key !== undefined && chance(0.1),
    webhook: chance(0.15),
    priority: chance(0.3) ? Math.floor(random() * 10) : undefined,
    hangUpMs: chance(0.02) ? random() * 10 : undefined,
    deadlineMs: intent === 'late' ? 1 + Math.floor(random() ** 2 * 3000) : undefined,
    followed: chance(0.2),
  }
}

function pickIntent(number: number, random: Random): Intent {
  const drawn = random()
  if (number % POISONOUS_EVERY === POISONOUS_EVERY / 4) return 'die'
  if (drawn < 0.003) return 'fail'
  if (drawn < 0.006) return 'refuse'
  if (drawn < 0.03) return 'late'
  return drawn < 0.06 ? 'cancel' : 'add'
}
