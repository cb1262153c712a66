import { assertNever } from '../../core/errors.ts'
import type { ArithmeticOp, ComparisonOp } from './ast.ts'
import { power } from './math-functions.ts'

export function arithmetic(op: ArithmeticOp): (a: number, b: number) => number {
  switch (op) {
    case '+':
      return (a, b) => a + b
    case '-':
      return (a, b) => a - b
    case '*':
      return (a, b) => a * b
    case '/':
      return (a, b) => a / b
    case '%':
      return (a, b) => a % b // C's fmod, as Go's math.Mod: the sign is that of a.
    case '^':
      return power
    case 'atan2':
      return Math.atan2
    default:
      return assertNever(op)
  }
}

export function comparison(op: ComparisonOp): (a: number, b: number) => boolean {
  switch (op) {
    case '==':
      return (a, b) => a === b
    case '!=':
      return (a, b) => a !== b
    case '>':
      return (a, b) => a > b
    case '<':
      return (a, b) => a < b
    case '>=':
      return (a, b) => a >= b
    case '<=':
      return (a, b) => a <= b
    default:
      return assertNever(op)
  }
}

/**
 * What an operator makes of two numbers: a result for each, and whether there is one (a comparison without `bool` is a filter).
 * @see vectorScalar, matchVectors
 */
export interface Operation {
  readonly value: (a: number, b: number) => number
  readonly keep: (a: number, b: number) => boolean
  readonly dropsName: boolean
}

const always = () => true

/** @param kept - Which operand a comparison that filters leaves. */
export function operation(op: ArithmeticOp | ComparisonOp, bool: boolean, kept: 'left' | 'right'): Operation {
  switch (op) {
    case '==':
    case '!=':
    case '>':
    case '<':
    case '>=':
    case '<=': {
      const holds = comparison(op)
      if (bool) return { value: (a, b) => (holds(a, b) ? 1 : 0), keep: always, dropsName: true }
      return { value: kept === 'left' ? (a) => a : (_, b) => b, keep: holds, dropsName: false }
    }
    default:
      return { value: arithmetic(op), keep: always, dropsName: true }
  }
}
