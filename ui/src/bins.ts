import { formatExact, formatPercent } from './format.ts'

export type SpecialBin = 'below' | 'above' | 'missing' | 'nan' | 'other' | 'invalid'

export type BinKind =
  | { readonly kind: 'interval'; readonly from: number; readonly to: number; readonly closed: boolean }
  | { readonly kind: 'category'; readonly text: string }
  | { readonly kind: 'special'; readonly special: SpecialBin }

/** One bin of one value: what part of the training data fell into it, and what part of the rows of the last window does. */
export interface Bin {
  /** The label as the metrics carry it. */
  readonly label: string
  readonly what: BinKind
  /** Ratio in [0, 1]; NaN when the reference is not known. */
  readonly reference: number
  /** Ratio in [0, 1]; NaN when no row came. */
  readonly current: number
  /** Rows of the window, rarely whole: the plane extrapolates increases. */
  readonly rows: number
}

const specialOrder: readonly SpecialBin[] = ['below', 'above', 'other', 'missing', 'nan', 'invalid']
const isSpecial = (label: string): label is SpecialBin => (specialOrder as readonly string[]).includes(label)
const edge = (text: string) =>
  /^[+-]?Inf$/.test(text) ? (text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : Number(text)

/** Reads a bin label: `[a,b)` and `[a,b]` are intervals, six names are special, all else is a category (`=` escapes a clash). */
export function parseBin(label: string): BinKind {
  if (isSpecial(label)) return { kind: 'special', special: label }
  const match = /^\[([^,\s]+),\s*([^,\s]+)([)\]])$/.exec(label)
  if (match !== null) {
    const from = edge(match[1]!)
    const to = edge(match[2]!)
    if (!Number.isNaN(from) && !Number.isNaN(to)) return { kind: 'interval', from, to, closed: match[3] === ']' }
  }
  return { kind: 'category', text: label.startsWith('=') ? label.slice(1) : label }
}

/**
 * Puts the bins of one value together and in reading order: intervals by their lower edge, categories by their reference share,
 * special bins last. Bins known to one side only have share 0 on the other, unless that whole side is unknown: then NaN.
 */
export function toBins(references: ReadonlyMap<string, number>, rows: ReadonlyMap<string, number>): Bin[] {
  let total = 0
  for (const count of rows.values()) total += count
  const bins = [...new Set([...references.keys(), ...rows.keys()])].map((label): Bin => {
    const count = rows.get(label) ?? 0
    return {
      label,
      what: parseBin(label),
      reference: references.size === 0 ? Number.NaN : (references.get(label) ?? 0),
      current: total > 0 ? count / total : Number.NaN,
      rows: count,
    }
  })
  return bins.sort(compareBins)
}

function compareBins(a: Bin, b: Bin): number {
  const rank = { interval: 0, category: 1, special: 2 } as const
  if (a.what.kind !== b.what.kind) return rank[a.what.kind] - rank[b.what.kind]
  if (a.what.kind === 'interval' && b.what.kind === 'interval') return a.what.from - b.what.from
  if (a.what.kind === 'special' && b.what.kind === 'special')
    return specialOrder.indexOf(a.what.special) - specialOrder.indexOf(b.what.special)
  return (b.reference || 0) - (a.reference || 0) || (a.label < b.label ? -1 : 1)
}

/** The bins worth drawing: all regular ones, and those special ones that hold, or held, anything. */
export function visibleBins(bins: readonly Bin[]): Bin[] {
  return bins.filter((bin) => bin.what.kind !== 'special' || bin.current > 0 || bin.reference > 0)
}

/** A bin in words, to stand in a sentence after "rows". */
export function describeBin(what: BinKind, unit: string): string {
  const suffix = unit === '' ? '' : `\u00a0${unit}`
  switch (what.kind) {
    case 'interval':
      return what.from === what.to
        ? `exactly ${formatExact(what.from)}${suffix}`
        : `${formatExact(what.from)} to ${formatExact(what.to)}${suffix}`
    case 'category':
      return what.text === '' ? '(empty text)' : what.text
    case 'special':
      return specialWords[what.special]
  }
}

const specialWords: Readonly<Record<SpecialBin, string>> = {
  below: 'below all seen in training',
  above: 'above all seen in training',
  other: 'a category not seen in training',
  missing: 'missing',
  nan: 'not a number',
  invalid: 'of the wrong type',
}

/** What moved most, in one sentence; undefined when either side is unknown or nothing moved by a point or more. */
export function describeShift(bins: readonly Bin[], unit: string): string | undefined {
  let most: Bin | undefined
  for (const bin of bins) {
    const moved = Math.abs(bin.current - bin.reference)
    if (moved >= 0.01 && (most === undefined || moved > Math.abs(most.current - most.reference))) most = bin
  }
  if (most === undefined) return undefined
  return `${formatPercent(most.current)} of rows are ${describeBin(most.what, unit)}; in training ${formatPercent(most.reference)}`
}
