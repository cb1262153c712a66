import type { Budget } from '../budget.ts'
import { type ArithmeticOp, type ComparisonOp, isComparison } from '../language/ast.ts'
import { type Frame, isEmpty, type StepSeries } from './frame.ts'
import { applyArithmetic, applyComparison } from './operators.ts'

export interface ScalarInput {
  readonly op: ArithmeticOp | ComparisonOp
  readonly bool: boolean
  /** One of the two is a vector, the other a scalar. */
  readonly left: Frame
  readonly right: Frame
  readonly steps: number
}

/**
 * An operator between a vector and a scalar. A comparison that filters leaves the vector's values, on whichever side it stands.
 * Columns of a vector that is not shared are used again.
 * @returns The series, and whether they are no longer the metric they were.
 */
export async function withScalar(
  { op, bool, left, right, steps }: ScalarInput,
  budget: Budget,
): Promise<{ readonly series: readonly StepSeries[]; readonly renamed: boolean }> {
  const vector = left.kind === 'vector' ? left : right
  if (vector.kind !== 'vector') throw new Error('neither side is a vector')
  const { shared } = vector
  const found: StepSeries[] = []
  const holds = new Uint8Array(steps)
  for (const one of vector.series) {
    const a = left.kind === 'scalar' ? left.values : one.values
    const b = right.kind === 'scalar' ? right.values : one.values
    if (budget.due(steps + 20)) await budget.breathe()
    if (!isComparison(op)) {
      const values = shared ? new Float64Array(steps) : one.values
      applyArithmetic(op, a, b, values)
      found.push({ ...one, values })
      continue
    }
    applyComparison(op, a, b, holds)
    if (bool) {
      const values = shared ? new Float64Array(steps) : one.values
      for (let i = 0; i < steps; i++) values[i] = holds[i]!
      found.push({ ...one, values })
      continue
    }
    const present = shared ? one.present.slice() : one.present
    for (let i = 0; i < steps; i++) present[i]! &= holds[i]!
    const kept = { ...one, present }
    if (!isEmpty(kept)) found.push(kept)
  }
  // What passes a filter is still shared, as far as its values go.
  const series = shared && isComparison(op) && !bool ? found.map((one) => ({ ...one, values: one.values.slice() })) : found
  return { series, renamed: bool || !isComparison(op) }
}
