import { useId } from 'preact/hooks'
import { navigate } from '../app-state.ts'
import { describeShift } from '../bins.ts'
import { countOf, formatClock, formatDuration, formatNumber, formatPsi } from '../format.ts'
import type { Page } from '../page-data.ts'
import { describeVerdict, type Gates, hasFigures, type ValueState } from '../values.ts'
import type { Tone } from '../verdict.ts'
import type { View } from '../view.ts'
import { Distribution, DistributionKey } from './distribution.tsx'
import { Icon, ToneIcon } from './icons.tsx'
import { PsiSpark } from './psi-spark.tsx'
import { ValueDetail } from './value-detail.tsx'

/** Every input and output of the model, worst first; one of them may be open. */
export function Values({ page, view }: { readonly page: Page; readonly view: View }) {
  const { values, gates, nowMs } = page
  if (!hasFigures(values)) return <Uncompared page={page} />
  return (
    <section aria-labelledby="values-title">
      <header class="section-head">
        <h2 id="values-title">Inputs and outputs</h2>
        <p class="quiet">
          <DistributionKey /> A value drifts when its index (PSI) is over {formatPsi(gates.psi)}, chance does not explain it (z over{' '}
          {formatNumber(gates.psiZ)}), and at least {formatNumber(gates.rows)} rows say so.
        </p>
      </header>
      <ul class="values">
        {values.map((value) => (
          <ValueRow key={value.key} value={value} gates={gates} nowMs={nowMs} open={view.value === value.key} />
        ))}
      </ul>
    </section>
  )
}

/** One sentence in place of rows that would all be empty: a model may have hundreds of inputs. */
function Uncompared({ page }: { readonly page: Page }) {
  const count = (role: string, noun: string) => countOf(page.values.filter((value) => value.role === role).length, noun)
  return (
    <section class="section-head" aria-labelledby="values-title">
      <h2 id="values-title">Inputs and outputs</h2>
      <p class="quiet">
        {page.values.length === 0 ? (
          'This model reports no inputs or outputs to compare.'
        ) : (
          <>
            {count('input', 'input')} and {count('output', 'output')}, not compared with training: {page.revision?.revision} has no
            reference.json. <code>npx modelwatch help profile</code> tells how to make one.
          </>
        )}
      </p>
    </section>
  )
}

export function toneOf({ verdict, alert }: ValueState): Tone {
  if (alert?.state === 'firing') return 'bad'
  if (verdict === 'drifting' || alert !== undefined) return 'warn'
  return verdict === 'steady' || verdict === 'unsure' ? 'good' : 'idle'
}

interface RowProps {
  readonly value: ValueState
  readonly gates: Gates
  readonly nowMs: number
  readonly open: boolean
}

function ValueRow({ value, gates, nowMs, open }: RowProps) {
  const tone = toneOf(value)
  const detailId = useId()
  const shift = value.verdict === 'drifting' || value.alert !== undefined ? describeShift(value.bins, value.unit) : undefined
  const kind = [value.role, value.type, value.unit].filter((text) => text !== '').join(' · ')
  return (
    <li class={`value tone-${tone} ${open ? 'open' : ''}`} id={value.key}>
      <div class="row">
        <button
          type="button"
          class="name"
          data-value-row
          aria-expanded={open}
          aria-controls={detailId}
          onClick={() => navigate({ value: open ? undefined : value.key })}
        >
          <ToneIcon tone={tone} size={18} />
          <span>
            <b>{breakable(value.name)}</b>
            <small>{kind}</small>
          </span>
          <Icon name="down" />
        </button>
        <div class="judgement">
          <p class="psi-figure">
            <span class="quiet">PSI</span> <strong>{formatPsi(value.psi)}</strong>
          </p>
          <Meter psi={value.psi} gate={gates.psi} />
          <p class="verdict-word">{describeVerdict(value)}</p>
          <p class="quiet">{sinceOf(value, gates, nowMs)}</p>
        </div>
        <PsiSpark value={value} gate={gates.psi} nowMs={nowMs} />
        <Distribution name={value.name} unit={value.unit} bins={value.bins} height={78} labelsMax={6} caption={shift} />
      </div>
      {open && <ValueDetail id={detailId} value={value} gates={gates} nowMs={nowMs} />}
    </li>
  )
}

/** A name that may be broken after its underscores, rather than anywhere. */
function breakable(name: string) {
  return name.split(/(?<=_)/).flatMap((part, i) => (i === 0 ? [part] : [<wbr key={part} />, part]))
}

function sinceOf({ since, verdict, rows }: ValueState, gates: Gates, nowMs: number): string {
  if (since !== undefined)
    return since.atLeast ? `for at least ${formatDuration(nowMs - since.timeMs)}` : `since ${formatClock(since.timeMs, nowMs)}`
  if (verdict === 'too-few') return `${formatNumber(Math.floor(rows ?? 0))} of ${formatNumber(gates.rows)}`
  return ''
}

/** The index on a scale that ends at three gates; the gate is a notch. */
function Meter({ psi, gate }: { readonly psi: number | undefined; readonly gate: number }) {
  const ratio = psi === undefined || Number.isNaN(psi) ? 0 : Math.min(1, Math.max(0, psi) / (3 * gate))
  return (
    <svg class="meter" width="100%" height="8" aria-hidden="true">
      <rect class="track" width="100%" y="2" height="4" rx="2" />
      <rect class="fill" width={`${ratio * 100}%`} y="2" height="4" rx="2" />
      <line class="notch" x1="33.33%" x2="33.33%" y1="0" y2="8" />
    </svg>
  )
}
