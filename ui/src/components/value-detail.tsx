import { useEffect, useMemo, useRef } from 'preact/hooks'
import { describeShift } from '../bins.ts'
import { formatClock, formatNumber, formatPsi } from '../format.ts'
import { quote } from '../queries.ts'
import type { Gates, ValueState } from '../values.ts'
import { BinTable, Distribution } from './distribution.tsx'
import { LineChart } from './line-chart.tsx'
import { ViewLink } from './view-link.tsx'

interface Props {
  readonly id: string
  readonly value: ValueState
  readonly gates: Gates
  readonly nowMs: number
}

/** One value at full size: its distribution, the index with its gate, and every bin in figures. */
export function ValueDetail({ id, value, gates, nowMs }: Props) {
  const { name, role, unit, bins, history, since, psi, psiZ, rows } = value
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => element.current?.scrollIntoView({ block: 'nearest' }), [])
  const lines = useMemo(() => [{ label: 'PSI', values: history.psi, color: '--line-1', fill: true }], [history.psi])
  const shift = describeShift(bins, unit)
  const expr = `modelwatch:psi{role=${quote(role)}, name=${quote(name)}}`
  return (
    <div class="value-detail" id={id} ref={element}>
      <dl class="gates">
        <GateItem title="Distance (PSI)" value={psi} gate={gates.psi} format={formatPsi} />
        <GateItem title="Beyond chance (z)" value={psiZ} gate={gates.psiZ} />
        <GateItem title="Rows in the window" value={rows === undefined ? undefined : Math.round(rows)} gate={gates.rows} />
        {shift !== undefined && (
          <div class="wide">
            <dt>Moved most</dt>
            <dd>{shift}.</dd>
          </div>
        )}
      </dl>
      <div class="detail-charts">
        <div>
          <h4>Training and now</h4>
          <Distribution name={name} unit={unit} bins={bins} height={220} labelsMax={8} long />
        </div>
        <div>
          <h4>
            Index over time
            {since !== undefined && !since.atLeast && <span class="quiet"> began {formatClock(since.timeMs, nowMs)}</span>}
          </h4>
          <LineChart
            description={`Index of ${name} over time; the dashed line is its gate`}
            timesMs={history.timesMs}
            lines={lines}
            height={180}
            gate={gates.psi}
            markMs={since === undefined || since.atLeast ? undefined : since.timeMs}
            format={formatPsi}
          />
          <p class="quiet">
            <ViewLink to={{ expr }} focus="promql">
              Ask for it in PromQL
            </ViewLink>
          </p>
        </div>
        <div class="as-table">
          <h4>Bins</h4>
          <BinTable bins={bins} unit={unit} />
        </div>
      </div>
    </div>
  )
}

interface GateProps {
  readonly title: string
  readonly value: number | undefined
  readonly gate: number
  readonly format?: (value: number | undefined) => string
}

function GateItem({ title, value, gate, format = formatNumber }: GateProps) {
  const known = value !== undefined && !Number.isNaN(value)
  const side = !known ? 'gate' : value > gate ? 'over' : 'under'
  return (
    <div class={side}>
      <dt>{title}</dt>
      <dd>
        <b class="gate-figure">{format(value)}</b>{' '}
        <span class="quiet">
          {side} {format(gate)}
        </span>
      </dd>
    </div>
  )
}
