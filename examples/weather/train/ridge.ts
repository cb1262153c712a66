import assert from 'node:assert/strict'

/** A linear model: intercept + Σⱼ weights[j] · x[j], over the columns as they are (nothing to standardise before use). */
export interface LinearModel {
  readonly intercept: number
  readonly weights: readonly number[]
}

/** Prediction for one row. */
export function predictLinear(model: LinearModel, row: readonly number[]): number {
  return row.reduce((total, value, j) => total + value * model.weights[j]!, model.intercept)
}

/**
 * Ridge regression by the normal equations, (ZᵀZ + penalty · I) w = Zᵀ(y − ȳ), over standardised columns Z, so that one penalty
 * means the same for °C and for a category. The weights come back in the columns' own units; the intercept is not penalised.
 *
 * @param x - Rows, shape [n][columns], n ≥ 1. A column that never changes gets weight 0.
 * @param y - Targets, shape [n].
 * @param penalty - Greater than 0: it is also what keeps columns that add up to a constant (one-hot) solvable.
 * @see Hoerl and Kennard (1970), Technometrics 12:55.
 */
export function fitRidge(x: readonly (readonly number[])[], y: readonly number[], penalty: number): LinearModel {
  assert.ok(x.length > 0 && x.length === y.length && penalty > 0, 'fitRidge: rows, as many targets, and a penalty above 0')
  const width = x[0]!.length
  const columns = Array.from({ length: width }, (_, j) => x.map((row) => row[j]!))
  const means = columns.map(mean)
  const deviations = columns.map((column, j) => Math.sqrt(mean(column.map((value) => (value - means[j]!) ** 2))) || 1)
  const standardised = columns.map((column, j) => column.map((value) => (value - means[j]!) / deviations[j]!))
  const yMean = mean(y)
  const yCentred = y.map((value) => value - yMean)

  const normal = standardised.map((a, i) => standardised.map((b, j) => dot(a, b) + (i === j ? penalty : 0)))
  const moments = standardised.map((column) => dot(column, yCentred))
  const weights = solveCholesky(normal, moments).map((weight, j) => weight / deviations[j]!)
  return { weights, intercept: yMean - dot(weights, means) }
}

/**
 * The penalty with the least squared error in k-fold cross-validation; row i belongs to fold i mod k.
 *
 * @param penalties - Candidates, at least one; the first wins a tie.
 */
export function choosePenalty(
  x: readonly (readonly number[])[],
  y: readonly number[],
  options: { penalties: readonly number[]; folds: number },
): number {
  const errorOf = (penalty: number) => {
    let squared = 0
    for (let fold = 0; fold < options.folds; fold++) {
      const kept = (_: unknown, i: number) => i % options.folds !== fold
      const model = fitRidge(x.filter(kept), y.filter(kept), penalty)
      for (let i = fold; i < x.length; i += options.folds) squared += (predictLinear(model, x[i]!) - y[i]!) ** 2
    }
    return squared
  }
  const errors = options.penalties.map(errorOf)
  return options.penalties[errors.indexOf(Math.min(...errors))]!
}

/** Solves A s = b for a symmetric positive definite A, by A = LLᵀ. */
function solveCholesky(a: readonly (readonly number[])[], b: readonly number[]): number[] {
  const size = b.length
  const lower = a.map((row) => row.map(() => 0))
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = a[i]![j]!
      for (let k = 0; k < j; k++) rest -= lower[i]![k]! * lower[j]![k]!
      assert.ok(i !== j || rest > 0, 'solveCholesky: the matrix is not positive definite')
      lower[i]![j] = i === j ? Math.sqrt(rest) : rest / lower[j]![j]!
    }
  }
  const half: number[] = []
  for (let i = 0; i < size; i++) {
    let rest = b[i]!
    for (let k = 0; k < i; k++) rest -= lower[i]![k]! * half[k]!
    half.push(rest / lower[i]![i]!)
  }
  const solution = [...half]
  for (let i = size - 1; i >= 0; i--) {
    let rest = half[i]!
    for (let k = i + 1; k < size; k++) rest -= lower[k]![i]! * solution[k]!
    solution[i] = rest / lower[i]![i]!
  }
  return solution
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((total, value, i) => total + value * b[i]!, 0)
}
