import { widthOf, zeros } from './columns.ts'
import { createFeatureReader, type FeatureReader } from './feature-reader.ts'
import { soundBounds, soundNumbers } from './read-scalars.ts'
import type { Feature } from './schema.ts'

/**
 * Reads a feature whose rows have many numbers, integers or booleans each: a list nested as its shape, or a flat one, row by row.
 * What is absent or unreadable is NaN, a single value as well as all of a row. A tensor says that a row has none with nulls only.
 */
export function compileShapeReader(feature: Feature, shape: readonly number[], f: number): FeatureReader {
  const { name, type, range } = feature
  const width = widthOf(shape)
  const { low, high } = soundBounds(feature)
  return createFeatureReader<Float64Array>(name, f, {
    empty: (rows) => zeros(rows * width),
    take(value, r, column, found) {
      const flat = toFlat(value, shape, width)
      if (flat === undefined) {
        column.fill(Number.NaN, r * width, (r + 1) * width)
        return false
      }
      for (let i = 0; i < width; i++) {
        const element = flat[i]
        const at = r * width + i
        if (typeof element === 'number' && type !== 'boolean') {
          column[at] = element
          if (!Number.isFinite(element)) found.break(r, f, 'nonfinite', () => `${placeOf(i, shape)} must be a finite number`)
          else if (type === 'integer' && !Number.isSafeInteger(element)) {
            column[at] = Number.NaN
            found.element(r, f, () => placeOf(i, shape), element)
          } else if (range !== undefined && (element < range[0] || element > range[1])) {
            found.breakSoft(r, f, 'range', () => `${placeOf(i, shape)} must lie between ${range[0]} and ${range[1]}, got ${element}`)
          }
        } else if (typeof element === 'boolean' && type === 'boolean') {
          column[at] = element ? 1 : 0
        } else {
          column[at] = Number.NaN
          found.element(r, f, () => placeOf(i, shape), element)
        }
      }
      return true
    },
    whole: (count, values) => (type === 'boolean' ? undefined : soundNumbers(values, count, width, low, high, type === 'integer')),
    at: (data, place) => toList(data, place, width),
  })
}

function toList(data: ArrayLike<unknown>, place: number, width: number): readonly unknown[] | null {
  const list = Array.from({ length: width }, (_, i) => data[place + i])
  return list.every((value) => value === null) ? null : list
}

/** The elements row by row; undefined when the value has another shape. */
function toFlat(value: unknown, shape: readonly number[], width: number): readonly unknown[] | undefined {
  if (!Array.isArray(value)) return undefined
  // A flat list may hold anything that is no list, for its elements are told one by one; a nested one begins with a list.
  if (value.length === width && (shape.length === 1 || !Array.isArray(value[0]))) return value
  if (shape.length === 1) return undefined
  const flat: unknown[] = []
  return unnest(value, shape, 0, flat) ? flat : undefined
}

function unnest(value: unknown, shape: readonly number[], dimension: number, into: unknown[]): boolean {
  if (!Array.isArray(value) || value.length !== shape[dimension]) return false
  if (dimension + 1 < shape.length) return value.every((inner) => unnest(inner, shape, dimension + 1, into))
  for (const element of value) into.push(element)
  return true
}

/** Where an element stands in the nested list: `[0][2]`. */
function placeOf(index: number, shape: readonly number[]): string {
  let place = ''
  let rest = index
  for (const length of shape.toReversed()) {
    place = `[${rest % length}]${place}`
    rest = Math.floor(rest / length)
  }
  return place
}
