import type { Cell } from '../tables/index.ts'
import type { Feature } from './schema.ts'

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  True: true,
  False: false,
  TRUE: true,
  FALSE: false,
  '1': true,
  '0': false,
}

/**
 * A cell of a table as the JSON value a client would send for this feature. Tables, unlike JSON, write everything as text, so text is read
 * as the feature's type, of a feature with a shape as a JSON list; what cannot be read stays text, for the row reader to refuse by name.
 * An empty cell is null.
 */
export function toInputValue(feature: Pick<Feature, 'type' | 'shape'>, cell: Cell): unknown {
  if (cell === null || cell === '') return null
  if (feature.shape !== undefined) return toList(cell)
  switch (feature.type) {
    case 'category':
    case 'image':
      return String(cell)
    case 'int64':
    case 'uint64':
      return typeof cell === 'string' ? cell.trim() : cell
    case 'boolean':
      return typeof cell === 'boolean' ? cell : (truths[String(cell)] ?? String(cell))
    default:
      return typeof cell === 'boolean' ? cell : toNumber(cell)
  }
}

/** A feature with a shape stands in a table as a JSON list. */
function toList(cell: Exclude<Cell, null>): unknown {
  if (typeof cell !== 'string' || !cell.trimStart().startsWith('[')) return cell
  try {
    return JSON.parse(cell)
  } catch {
    return cell // Text still, for the row reader to refuse by name.
  }
}

/** A number as files write it; NaN and infinities included, for they are data too. The text itself where it is none. */
export function toNumber(cell: Exclude<Cell, null | boolean>): number | string {
  if (typeof cell !== 'string') return Number(cell)
  const text = cell.trim()
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text)
  if (/^nan$/i.test(text)) return Number.NaN
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text)
  return infinite === null ? cell : infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}
