import { assertNever } from '../../../core/errors.ts'
import { arcTangentOf } from '../functions/arc-tangent.ts'
import { power } from '../functions/power.ts'
import { type ArithmeticOp, type ComparisonOp, isComparison } from '../language/ast.ts'

/** Computes `out[i] = a[i] op b[i]` over whole columns; `out` may be one of them. */
export function applyArithmetic(op: ArithmeticOp, a: Float64Array, b: Float64Array, out: Float64Array): void {
  const n = out.length
  switch (op) {
    case '+':
      for (let i = 0; i < n; i++) out[i] = a[i]! + b[i]!
      return
    case '-':
      for (let i = 0; i < n; i++) out[i] = a[i]! - b[i]!
      return
    case '*':
      for (let i = 0; i < n; i++) out[i] = a[i]! * b[i]!
      return
    case '/':
      for (let i = 0; i < n; i++) out[i] = a[i]! / b[i]!
      return
    case '%':
      // C's fmod, as Go's math.Mod: the sign is that of a.
      for (let i = 0; i < n; i++) out[i] = a[i]! % b[i]!
      return
    case '^':
      for (let i = 0; i < n; i++) out[i] = power(a[i]!, b[i]!)
      return
    case 'atan2':
      for (let i = 0; i < n; i++) out[i] = arcTangentOf(a[i]!, b[i]!)
      return
    default:
      assertNever(op)
  }
}

/** Writes 1 where `a[i] op b[i]` holds and 0 elsewhere. */
export function applyComparison(op: ComparisonOp, a: Float64Array, b: Float64Array, holds: Uint8Array): void {
  const n = holds.length
  switch (op) {
    case '==':
      for (let i = 0; i < n; i++) holds[i] = a[i]! === b[i]! ? 1 : 0
      return
    case '!=':
      for (let i = 0; i < n; i++) holds[i] = a[i]! !== b[i]! ? 1 : 0
      return
    case '>':
      for (let i = 0; i < n; i++) holds[i] = a[i]! > b[i]! ? 1 : 0
      return
    case '<':
      for (let i = 0; i < n; i++) holds[i] = a[i]! < b[i]! ? 1 : 0
      return
    case '>=':
      for (let i = 0; i < n; i++) holds[i] = a[i]! >= b[i]! ? 1 : 0
      return
    case '<=':
      for (let i = 0; i < n; i++) holds[i] = a[i]! <= b[i]! ? 1 : 0
      return
    default:
      assertNever(op)
  }
}

/** An operator between two scalars; a comparison gives 1 or 0. */
export function scalarOperation(op: ArithmeticOp | ComparisonOp, a: Float64Array, b: Float64Array): Float64Array {
  const result = new Float64Array(a.length)
  if (isComparison(op)) {
    const holds = new Uint8Array(a.length)
    applyComparison(op, a, b, holds)
    result.set(holds)
  } else applyArithmetic(op, a, b, result)
  return result
}
