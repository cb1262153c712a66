import { useId } from 'preact/hooks'
import { formatClock, formatNumber } from '../format.ts'
import type { ValueState } from '../values.ts'
import { toPath } from './spark.tsx'

const height = 48

/** The index over time against its gate; above the gate the line changes colour, and the moment it began is marked. */
export function PsiSpark({ value, gate, nowMs }: { readonly value: ValueState; readonly gate: number; readonly nowMs: number }) {
  const clipAbove = useId()
  const { timesMs, psi } = value.history
  const known = psi.filter((one) => one !== null)
  if (known.length === 0) return <div class="spark empty">no index yet</div>
  const top = Math.max(gate * 1.6, ...known) * 1.06
  const y = (one: number) => height - 1 - (Math.max(0, one) / top) * (height - 3)
  const first = timesMs[0]!
  const span = timesMs.at(-1)! - first || 1
  const mark =
    value.since !== undefined && !value.since.atLeast && value.since.timeMs >= first ? (value.since.timeMs - first) / span : undefined
  const description = `Index of ${value.name} over time, between ${formatNumber(Math.min(...known))} and ${formatNumber(Math.max(...known))}; gate ${formatNumber(gate)}`
  const path = toPath(psi, y)
  return (
    <svg class="spark" width="100%" height={height} role="img" aria-label={description}>
      <svg
        width="100%"
        height={height}
        viewBox={`0 0 ${Math.max(1, psi.length - 1)} ${height}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        <clipPath id={clipAbove}>
          <rect x="0" y="0" width={psi.length} height={y(gate)} />
        </clipPath>
        <path class="psi" d={path} vector-effect="non-scaling-stroke" />
        <path class="psi above" d={path} vector-effect="non-scaling-stroke" clip-path={`url(#${clipAbove})`} />
      </svg>
      <line class="gate" x1="0" x2="100%" y1={y(gate)} y2={y(gate)} />
      {mark !== undefined && (
        <>
          <line class="mark" x1={`${mark * 100}%`} x2={`${mark * 100}%`} y1="0" y2={height} />
          <circle class="mark-dot" cx={`${mark * 100}%`} cy={y(gate)} r="3">
            <title>{`began ${formatClock(value.since!.timeMs, nowMs)}`}</title>
          </circle>
        </>
      )}
    </svg>
  )
}
