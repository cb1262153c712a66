import { useMemo, useState } from 'preact/hooks'
import type { Bin } from '../bins.ts'
import { describeBin } from '../bins.ts'
import { formatNumber, formatPercent, formatPoints } from '../format.ts'
import { layoutBins, type Slot } from '../layout-bins.ts'

interface Props {
  readonly name: string
  readonly unit: string
  readonly bins: readonly Bin[]
  readonly height: number
  readonly labelsMax: number
  readonly long?: boolean
  /** Said under the picture while nothing is pointed at; a large one explains its two colours otherwise. */
  readonly caption?: string | undefined
}

const labelHeight = 16
const percent = (ratio: number) => `${(ratio * 100).toFixed(3)}%`

/** Training laid over now: the outline is the training data, the filled bars are the rows of the last window. */
export function Distribution({ name, unit, bins, height, labelsMax, long = false, caption }: Props) {
  const [pointed, setPointed] = useState<string | undefined>(undefined)
  const layout = useMemo(() => layoutBins(bins, { labelsMax, long }), [bins, labelsMax, long])
  const bottom = height - labelHeight
  const yOf = (share: number) => bottom - (Number.isNaN(share) ? 0 : (share / layout.shareMax) * (bottom - 4))
  const bin = layout.slots.find((slot) => slot.bin.label === pointed)?.bin
  if (layout.slots.length === 0) return <p class="quiet">No distribution yet.</p>
  return (
    <figure class="distribution">
      {/* Pointing only adds what the table of bins says too. */}
      <svg
        width="100%"
        height={height}
        role="img"
        aria-label={`Distribution of ${name}: training against now`}
        onPointerLeave={() => setPointed(undefined)}
      >
        <line class="base" x1="0" x2="100%" y1={bottom + 0.5} y2={bottom + 0.5} />
        {layout.slots.map((slot) => (
          <Bar key={slot.bin.label} slot={slot} y={yOf(slot.bin.current)} bottom={bottom} />
        ))}
        {layout.slots.map((slot, i) => (
          <Outline key={slot.bin.label} slot={slot} before={layout.slots[i - 1]} after={layout.slots[i + 1]} yOf={yOf} bottom={bottom} />
        ))}
        {layout.ticks.map(({ x, label, anchor }) => (
          <text key={x} x={percent(x)} y={height - 3} text-anchor={anchor}>
            {label}
          </text>
        ))}
        {layout.slots.map(({ bin, x, width, label }) => (
          <g key={bin.label}>
            {label !== '' && (
              <text x={percent(x + width / 2)} y={height - 3} text-anchor="middle">
                {label}
              </text>
            )}
            <rect
              class={`hit ${pointed === bin.label ? 'pointed' : ''}`}
              x={percent(x)}
              width={percent(width)}
              height={bottom}
              onPointerEnter={() => setPointed(bin.label)}
              onPointerDown={() => setPointed(bin.label)}
            />
          </g>
        ))}
      </svg>
      <figcaption>
        {bin !== undefined ? (
          <>
            <b>{describeBin(bin.what, unit)}</b>: {formatPercent(bin.reference)} in training, <b>{formatPercent(bin.current)}</b> now
          </>
        ) : (
          (caption ?? (long && <DistributionKey />))
        )}
      </figcaption>
    </figure>
  )
}

/** What outline and filling mean. */
export function DistributionKey() {
  return (
    <span class="distribution-key">
      <i class="key reference" /> training <i class="key current" /> now
    </span>
  )
}

function Bar({ slot, y, bottom }: { readonly slot: Slot; readonly y: number; readonly bottom: number }) {
  const inset = slot.width * 0.07
  return (
    <rect
      class="current"
      x={percent(slot.x + inset)}
      width={percent(slot.width - 2 * inset)}
      y={y}
      height={Math.max(0, bottom - y)}
      rx="1"
    />
  )
}

interface OutlineProps {
  readonly slot: Slot
  readonly before: Slot | undefined
  readonly after: Slot | undefined
  readonly yOf: (share: number) => number
  readonly bottom: number
}

/** The skyline of the reference: a lid on each bin, walls where it meets a neighbour of another height, or none. */
function Outline({ slot, before, after, yOf, bottom }: OutlineProps) {
  if (Number.isNaN(slot.bin.reference)) return null
  const touches = (other: Slot | undefined) =>
    other !== undefined &&
    slot.bin.what.kind === 'interval' &&
    other.bin.what.kind === 'interval' &&
    Math.abs(other.x - slot.x) < slot.width * 1.2
  const inset = slot.bin.what.kind === 'interval' ? 0 : slot.width * 0.07
  const [left, right, y] = [percent(slot.x + inset), percent(slot.x + slot.width - inset), yOf(slot.bin.reference)]
  const leftFoot = touches(before) ? yOf(before!.bin.reference) : bottom
  return (
    <g class="reference">
      <line x1={left} x2={right} y1={y} y2={y} />
      <line x1={left} x2={left} y1={y} y2={leftFoot} />
      {!touches(after) && <line x1={right} x2={right} y1={y} y2={bottom} />}
    </g>
  )
}

/** The same distribution in figures. */
export function BinTable({ bins, unit }: { readonly bins: readonly Bin[]; readonly unit: string }) {
  const largest = Math.max(0.01, ...bins.map((bin) => Math.abs(bin.current - bin.reference)).filter((size) => !Number.isNaN(size)))
  return (
    <div class="table-scroll">
      <table class="bins">
        <thead>
          <tr>
            <th scope="col">Bin{unit === '' ? '' : ` (${unit})`}</th>
            <th scope="col">Training</th>
            <th scope="col">Now</th>
            <th scope="col">Points</th>
            <td />
            <th scope="col">Rows</th>
          </tr>
        </thead>
        <tbody>
          {bins.map((bin) => {
            const moved = bin.current - bin.reference
            return (
              <tr key={bin.label} class={bin.what.kind === 'special' ? 'special' : ''}>
                <th scope="row">{bin.what.kind === 'category' ? describeBin(bin.what, '') : bin.label}</th>
                <td>{formatPercent(bin.reference)}</td>
                <td>{formatPercent(bin.current)}</td>
                <td>{Number.isNaN(moved) ? '–' : formatPoints(moved)}</td>
                <td class="moved">
                  <MovedBar ratio={moved / largest} />
                </td>
                <td>{formatNumber(Math.round(bin.rows))}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function MovedBar({ ratio }: { readonly ratio: number }) {
  if (Number.isNaN(ratio)) return null
  const width = Math.abs(ratio) / 2
  return (
    <svg width="100%" height="10" aria-hidden="true">
      <line class="base" x1="50%" x2="50%" y1="0" y2="10" />
      <rect class={ratio < 0 ? 'less' : 'more'} x={percent(ratio < 0 ? 0.5 - width : 0.5)} width={percent(width)} y="1" height="8" rx="1" />
    </svg>
  )
}
