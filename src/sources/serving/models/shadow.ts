import { ModelwatchError } from '../../../core/errors.ts'
import type { Registry } from '../../../instrument/index.ts'
import type { Column, ReadRows } from '../../../watch/index.ts'
import { modelFamilies as families } from './families.ts'
import type { LiveRevision } from './served-revision.ts'

/** Rows on their way through the shadow at once; further ones are dropped, and counted: the shadow may be slower than what answers. */
const SHADOW_ROWS_MAX = 1000
/** Numbers that differ by no more than this share of the larger one agree: another build of the same model rounds in another place. */
const TOLERANCE = 1e-6

/** Copies of answered requests go to another revision, whose answers are compared and thrown away. */
export interface Shadow {
  readonly revision: string
  /** Takes the rows of a request that has been answered, or drops them. Returns at once. */
  offer(read: ReadRows, answered: readonly Column[]): void
  /** Takes its metrics away. */
  forget(): void
}

/**
 * @param ratio - Share of the requests that are copied, in (0, 1].
 * @param draw - A number in [0, 1) for each request.
 */
export function createShadow(target: LiveRevision, ratio: number, registry: Registry, draw: () => number = Math.random): Shadow {
  const part = registry.part()
  const { schema, revision } = target
  const of = { model: schema.name, revision }
  const count = (outcome: string) => part.counter(families.shadowRows, { ...of, outcome })
  const rows = { agree: count('agree'), disagree: count('disagree'), failed: count('failed'), dropped: count('dropped') }
  const differences = schema.outputs.map(({ name }) => part.counter(families.shadowDifference, { ...of, name }))
  let underWay = 0

  const run = async (read: ReadRows, answered: readonly Column[]) => {
    const count = read.columns.rows
    try {
      target.observer.inputs(read)
      const { outputs } = await target.predict(read.columns)
      target.observer.outputs(outputs)
      const apart = new Uint8Array(count)
      for (const [o, column] of outputs.entries()) differences[o]!.add(compare(column, answered[o]!, apart))
      const disagree = apart.reduce((sum, one) => sum + one, 0)
      rows.disagree.add(disagree)
      rows.agree.add(count - disagree)
    } catch (error) {
      // Whoever asked has had an answer. What the shadow had no time for says nothing about its answers.
      const isBusy = error instanceof ModelwatchError && error.kind === 'overloaded'
      rows[isBusy ? 'dropped' : 'failed'].add(count)
    } finally {
      target.leave()
      underWay -= count
    }
  }

  return {
    revision,
    offer(read, answered) {
      const { rows: offered } = read.columns
      if (offered === 0 || draw() >= ratio) return
      if (underWay + offered > SHADOW_ROWS_MAX) return rows.dropped.add(offered)
      underWay += offered // Now: many answers of one batch come before the first of them runs.
      target.enter()
      setImmediate(() => void run(read, answered)) // After the answer has gone out.
    },
    forget: () => part.remove(),
  }
}

/**
 * Marks the rows in which two columns of one output differ.
 * @param apart - shape [rows]; 1 where this output, or one before it, differs.
 * @returns the sum of the absolute differences of its numbers; 0 for anything else.
 */
function compare(shadow: Column, answered: Column, apart: Uint8Array): number {
  const width = apart.length === 0 ? 1 : shadow.length / apart.length
  let sum = 0
  for (let i = 0; i < shadow.length; i++) {
    const [a, b] = [shadow[i]!, answered[i]!]
    if (typeof a === 'number' && typeof b === 'number') {
      const difference = Math.abs(a - b)
      if (Number.isFinite(difference)) sum += difference
      // Any share of an infinity is infinite: such numbers, and NaN, agree with themselves alone.
      const isApart = Number.isFinite(difference) ? difference > TOLERANCE * Math.max(Math.abs(a), Math.abs(b)) : !Object.is(a, b)
      if (isApart) apart[Math.floor(i / width)] = 1
    } else if (a instanceof Uint8Array && b instanceof Uint8Array ? Buffer.compare(a, b) !== 0 : a !== b) {
      apart[Math.floor(i / width)] = 1
    }
  }
  return sum
}
