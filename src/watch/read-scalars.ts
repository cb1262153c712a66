import { type Findings, isRow, show } from './findings.ts'
import type { Feature } from './schema.ts'

/** Reads a number, integer, boolean or category of each row. What is absent or unreadable is NaN, or '' in a category. */
export function compileScalarReader(feature: Feature, f: number) {
  const { name, type, range } = feature
  const categories = feature.categories === undefined ? undefined : new Set(feature.categories)

  return (rows: readonly unknown[], found: Findings): Float64Array | string[] => {
    const column: Float64Array | string[] = type === 'category' ? new Array<string>(rows.length) : new Float64Array(rows.length)
    for (let r = 0; r < rows.length; r++) {
      const row = rows[r]
      const value = isRow(row) ? row[name] : undefined
      if (typeof value === 'number' && (type === 'number' || type === 'integer')) {
        column[r] = value
        if (!Number.isFinite(value)) found.break(r, f, 'nonfinite', () => 'must be a finite number')
        else if (type === 'integer' && !Number.isSafeInteger(value)) {
          column[r] = Number.NaN
          found.unread(r, f, rows)
        } else if (range !== undefined && (value < range[0] || value > range[1])) {
          found.breakSoft(r, f, 'range', () => `must lie between ${range[0]} and ${range[1]}, got ${value}`)
        }
      } else if (typeof value === 'string' && type === 'category') {
        column[r] = value
        if (categories !== undefined && !categories.has(value)) {
          found.breakSoft(r, f, 'category', () => `must be one of ${feature.categories!.join(', ')}, got ${show(value)}`)
        }
      } else if (typeof value === 'boolean' && type === 'boolean') {
        column[r] = value ? 1 : 0
      } else {
        column[r] = type === 'category' ? '' : Number.NaN
        found.unread(r, f, rows)
      }
    }
    return column
  }
}
