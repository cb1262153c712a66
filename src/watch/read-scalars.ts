import { zeros } from './columns.ts'
import { createFeatureReader, type FeatureReader, type FeatureValues } from './feature-reader.ts'
import { type Findings, show } from './findings.ts'
import type { Feature } from './schema.ts'

/** Reads a number or integer of each row. What is absent or unreadable is NaN. */
export function compileNumberReader(feature: Feature, f: number): FeatureReader {
  const { name, type, range } = feature
  const { low, high } = soundBounds(feature)
  return createFeatureReader<Float64Array>(name, f, {
    empty: zeros,
    take(value, r, column, found) {
      if (typeof value !== 'number' || (type === 'integer' && Number.isFinite(value) && !Number.isSafeInteger(value))) {
        column[r] = Number.NaN
        return false
      }
      column[r] = value
      if (!Number.isFinite(value)) found.break(r, f, 'nonfinite', () => 'must be a finite number')
      else if (range !== undefined && (value < range[0] || value > range[1])) breakRange(found, r, f, range, value)
      return true
    },
    whole: (count, values) => soundNumbers(values, count, 1, low, high, type === 'integer'),
  })
}

function breakRange(found: Findings, r: number, f: number, [low, high]: readonly [number, number], value: number): void {
  found.breakSoft(r, f, 'range', () => `must lie between ${low} and ${high}, got ${value}`)
}

/** Numbers between these, both included, are finite, exact where they are integers, and in the feature's range. */
export function soundBounds({ type, range }: Pick<Feature, 'type' | 'range'>): { readonly low: number; readonly high: number } {
  const largest = type === 'integer' ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE
  return { low: Math.max(range?.[0] ?? -largest, -largest), high: Math.min(range?.[1] ?? largest, largest) }
}

/**
 * Numbers of a tensor as a column, when there is nothing to say about any of them.
 * @param width - Values of a row. @returns a column of its own; undefined where one is out of bounds, no number, or a fraction for an integer.
 */
export function soundNumbers(
  { data, start, step }: FeatureValues,
  count: number,
  width: number,
  low: number,
  high: number,
  isInteger: boolean,
): Float64Array | undefined {
  if (!(data instanceof Float64Array)) return undefined
  const column = zeros(count * width)
  for (let r = 0, to = 0; r < count; r++) {
    for (let from = start + r * step, end = from + width; from < end; from++, to++) {
      const value = data[from]!
      if (!(value >= low && value <= high) || (isInteger && Math.floor(value) !== value)) return undefined
      column[to] = value
    }
  }
  return column
}

/** Reads a boolean of each row, as 0 or 1. What is absent or unreadable is NaN. */
export function compileBooleanReader({ name }: Feature, f: number): FeatureReader {
  return createFeatureReader<Float64Array>(name, f, {
    empty: zeros,
    take(value, r, column) {
      const isBoolean = typeof value === 'boolean'
      column[r] = isBoolean ? Number(value) : Number.NaN
      return isBoolean
    },
  })
}

/** Reads a category of each row. What is absent or unreadable is ''. */
export function compileCategoryReader({ name, categories }: Feature, f: number): FeatureReader {
  const known = categories === undefined ? undefined : new Set(categories)
  return createFeatureReader<string[]>(name, f, {
    empty: (rows) => new Array<string>(rows),
    take(value, r, column, found) {
      const isText = typeof value === 'string'
      column[r] = isText ? value : ''
      if (isText && known?.has(value) === false) {
        found.breakSoft(r, f, 'category', () => `must be one of ${categories!.join(', ')}, got ${show(value)}`)
      }
      return isText
    },
  })
}
