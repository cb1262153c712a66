import { type Column, type Output, widthOf, zeros } from '../../../../watch/index.ts'

/** One output's answers, filled row by row from JSON. */
export interface OutputColumn {
  readonly column: Column
  /** @returns what is wrong with the value; undefined when it is taken. */
  put(row: number, value: unknown): string | undefined
}

export interface OutputOptions {
  /** Whether a number may come as text. */
  readonly numbersAsText: boolean
}

/**
 * An empty column for the answers of `rows` rows. A number may be null, which is NaN: the model gave none. A class is its label, or a whole number or truth value:
 * the class of that name, else the class at that position; or a score for each class, of which the highest wins.
 */
export function createOutputColumn(output: Output, rows: number, options: OutputOptions): OutputColumn {
  const { kind, type, shape } = output
  if (kind === 'classification') return classes(output, rows)
  switch (kind === 'regression' ? 'number' : (type ?? 'number')) {
    case 'int64':
      return wholes(new BigInt64Array(rows), (value) => BigInt.asIntN(64, value) === value, 'int64')
    case 'uint64':
      return wholes(new BigUint64Array(rows), (value) => BigInt.asUintN(64, value) === value, 'uint64')
    case 'text':
      return texts(rows)
    case 'image':
      return images(rows)
    case 'number':
      return shape === undefined ? numbers(rows, options) : shaped(rows, shape, options)
  }
}

/** How many numbers of a flat tensor belong to one row. */
export const widthOfOutput = ({ shape }: Output): number => widthOf(shape)

/** Undefined when the value is no number. */
function toNumber(value: unknown, { numbersAsText }: OutputOptions): number | undefined {
  if (typeof value === 'number') return value
  if (value === null) return Number.NaN
  if (typeof value === 'bigint') return Number(value)
  return numbersAsText && typeof value === 'string' ? fromText(value.trim()) : undefined
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** A number as programs print it, NaN and infinities included. */
function fromText(text: string): number | undefined {
  if (decimal.test(text)) return Number(text)
  const word = /^([+-]?)(nan|inf|infinity)$/i.exec(text)
  if (word === null) return undefined
  if (word[2]!.toLowerCase() === 'nan') return Number.NaN
  return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

function numbers(rows: number, options: OutputOptions): OutputColumn {
  const column = zeros(rows)
  return {
    column,
    put(row, value) {
      const number = toNumber(value, options)
      if (number === undefined) return `${describe(value)} is no number`
      column[row] = number
      return undefined
    },
  }
}

function shaped(rows: number, shape: readonly number[], options: OutputOptions): OutputColumn {
  const width = widthOf(shape)
  const column = zeros(rows * width)
  return {
    column,
    put(row, value) {
      let at = row * width
      const flat = shape.length > 1 && Array.isArray(value) && !Array.isArray(value[0])
      const fill = (part: unknown, lengths: readonly number[]): string | undefined => {
        const [length, ...inner] = lengths
        if (length === undefined) {
          const number = toNumber(part, options)
          if (number === undefined) return `${describe(part)} is no number`
          column[at++] = number
          return undefined
        }
        if (!Array.isArray(part)) return `${describe(part)} is no list of ${length}`
        if (part.length !== length) return `a list of ${part.length} is none of ${length}`
        for (const item of part) {
          const reason = fill(item, inner)
          if (reason !== undefined) return reason
        }
        return undefined
      }
      return fill(value, flat ? [width] : shape)
    },
  }
}

function wholes(column: BigInt64Array | BigUint64Array, fits: (value: bigint) => boolean, type: string): OutputColumn {
  return {
    column,
    put(row, value) {
      const whole = toBigInt(value)
      if (whole === undefined || !fits(whole)) return `${describe(value)} is no ${type}`
      column[row] = whole
      return undefined
    },
  }
}

function toBigInt(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined
}

function texts(rows: number): OutputColumn {
  const column = new Array<string>(rows).fill('')
  return {
    column,
    put(row, value) {
      if (typeof value !== 'string') return `${describe(value)} is no text`
      column[row] = value
      return undefined
    },
  }
}

const base64 = /^(?:data:[^,]{0,200};base64,)?([A-Za-z0-9+/]*={0,2})$/

function images(rows: number): OutputColumn {
  const column = Array.from({ length: rows }, () => new Uint8Array(0))
  return {
    column,
    put(row, value) {
      if (value === null) return undefined // No picture: of no bytes.
      const text = typeof value === 'string' ? base64.exec(value)?.[1] : undefined
      if (text === undefined || text.length % 4 === 1) return `${describe(value)} is no picture in base64`
      // A copy: small buffers share one piece of memory, and a column's pictures may be handed to a thread.
      column[row] = new Uint8Array(Buffer.from(text, 'base64'))
      return undefined
    },
  }
}

function classes({ classes = [] }: Output, rows: number): OutputColumn {
  const column = new Array<string>(rows).fill('')
  const toClass = (value: unknown): string | undefined => {
    if (typeof value === 'string') return value
    if (typeof value !== 'number' && typeof value !== 'boolean') return undefined
    const text = String(value)
    return classes.includes(text) ? text : classes[Number(value)]
  }
  return {
    column,
    put(row, value) {
      const label = Array.isArray(value) ? highest(value, classes) : toClass(value)
      if (label === undefined) return `${describe(value)} is neither one of its classes nor a score for each of the ${classes.length}`
      column[row] = label
      return undefined
    },
  }
}

function highest(scores: readonly unknown[], classes: readonly string[]): string | undefined {
  if (scores.length !== classes.length || !scores.every((score) => typeof score === 'number')) return undefined
  return classes[scores.indexOf(Math.max(...scores))]
}

const SHOWN_CHARS_MAX = 60

/** A value in an error: its kind and, where it is short, itself. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, SHOWN_CHARS_MAX)) : String(value)
  return typeof value === 'string' && value.length > SHOWN_CHARS_MAX ? `${text}…` : text
}
