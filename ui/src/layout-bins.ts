import type { Bin, SpecialBin } from './bins.ts'
import { visibleBins } from './bins.ts'
import { formatExact } from './format.ts'

/** One bin's place on the drawing; x and width are ratios of the drawing's width. */
export interface Slot {
  readonly bin: Bin
  readonly x: number
  readonly width: number
  /** Under the bar: a category or a special bin's name; '' for intervals, whose edges are labelled instead. */
  readonly label: string
}

export interface Tick {
  readonly x: number
  readonly label: string
  readonly anchor: 'start' | 'middle' | 'end'
}

export interface BinLayout {
  readonly slots: readonly Slot[]
  readonly ticks: readonly Tick[]
  /** The highest share on either side; at least a hundredth, so that nothing divides by zero. */
  readonly shareMax: number
}

/** Characters that fit side by side under a drawing on a phone, and under one edge of it. */
const rowLength = 50
const edgeLengthMax = 8

const shortWords: Readonly<Record<SpecialBin, string>> = { below: '<', above: '>', other: 'new', missing: 'none', nan: 'NaN', invalid: '✗' }

/**
 * Places bins side by side at equal width, whatever they span: quantile bins of training hold equal shares, so a change of shape is a
 * change of height. Special bins stand apart: `below` on the left, all others on the right.
 *
 * @param labelsMax - How many labels fit; the rest are left out evenly.
 * @param long - Special bins by their full names.
 */
export function layoutBins(bins: readonly Bin[], { labelsMax, long }: { readonly labelsMax: number; readonly long: boolean }): BinLayout {
  const shown = visibleBins(bins)
  const specials = shown.filter((bin) => bin.what.kind === 'special')
  const left = specials.filter((bin) => bin.label === 'below')
  const regular = shown.filter((bin) => bin.what.kind !== 'special')
  const right = specials.filter((bin) => bin.label !== 'below')
  const gap = 0.6 // In widths of a bin.
  const units = shown.length + (left.length > 0 ? gap : 0) + (right.length > 0 ? gap : 0)
  const width = units === 0 ? 0 : 1 / units
  let at = 0
  const slots: Slot[] = []
  const place = (group: readonly Bin[]) => {
    for (const bin of group) {
      slots.push({ bin, x: at * width, width, label: labelOf(bin, { long, lengthMax: Math.floor(rowLength / units) }) })
      at++
    }
  }
  place(left)
  if (left.length > 0) at += gap
  place(regular)
  if (right.length > 0) at += gap
  place(right)
  const shares = shown.flatMap((bin) => [bin.reference, bin.current]).filter((share) => share > 0)
  return { slots: thinned(slots, labelsMax), ticks: edgeTicks(slots, labelsMax), shareMax: Math.max(0.01, ...shares) }
}

function labelOf({ what }: Bin, { long, lengthMax }: { readonly long: boolean; readonly lengthMax: number }): string {
  if (what.kind === 'interval') return ''
  if (what.kind === 'special') return long ? what.special : shortWords[what.special]
  const letters = [...what.text]
  return letters.length <= lengthMax ? what.text : `${letters.slice(0, Math.max(1, lengthMax - 1)).join('')}…`
}

/** An edge in few characters; whoever wants all its digits reads the table. */
function shortEdge(value: number): string {
  const exact = formatExact(value)
  return exact.length <= edgeLengthMax ? exact : value.toExponential(1).replace('e+', 'e').replaceAll('-', '−')
}

/** Categories are labelled all or not at all: every third name would name nothing. Special bins keep theirs. */
function thinned(slots: readonly Slot[], labelsMax: number): Slot[] {
  const categories = slots.filter(({ bin }) => bin.what.kind === 'category').length
  return categories <= labelsMax ? [...slots] : slots.map((slot) => (slot.bin.what.kind === 'category' ? { ...slot, label: '' } : slot))
}

function edgeTicks(slots: readonly Slot[], labelsMax: number): Tick[] {
  const intervals = slots.filter(({ bin }) => bin.what.kind === 'interval')
  if (intervals.length === 0) return []
  const edges = intervals.map(({ bin, x }) => ({ x, value: bin.what.kind === 'interval' ? bin.what.from : 0 }))
  const last = intervals.at(-1)!
  if (last.bin.what.kind === 'interval' && last.bin.what.to !== last.bin.what.from)
    edges.push({ x: last.x + last.width, value: last.bin.what.to })
  const every = Math.max(1, Math.ceil((edges.length - 1) / Math.max(1, labelsMax - 1)))
  const ends = edges.length - 1
  // The last edge is always named; its neighbour gives way when too close.
  const chosen = edges.filter((_, i) => i === ends || (i % every === 0 && ends - i >= every / 2))
  return chosen.map(({ x, value }) => ({ x, label: shortEdge(value), anchor: x < 0.01 ? 'start' : x > 0.99 ? 'end' : 'middle' }))
}
