import { useMemo, useState } from 'preact/hooks'
import { formatClock, formatNumber, formatPercent } from '../format.ts'
import type { Quality } from '../load/quality.ts'
import type { Page } from '../page-data.ts'
import { LineChart } from './line-chart.tsx'

/** How far off the predictions are, where the truth has come in. */
export function QualitySection({ page }: { readonly page: Page }) {
  const known = page.quality.filter(({ name, mae }) => Number.isFinite(mae) || page.history?.quality.get(name)?.mae.some(isKnown))
  if (known.length === 0) {
    return (
      <section class="section-head" aria-labelledby="quality-title">
        <h2 id="quality-title">Quality</h2>
        <p class="quiet">No true outcome of a prediction has come in this time: how far off the answers are is not known.</p>
      </section>
    )
  }
  return (
    <section aria-labelledby="quality-title">
      <header class="section-head">
        <h2 id="quality-title">Quality</h2>
        <p class="quiet">
          Over predictions whose true outcome arrived in the last minute: {formatNumber(page.labelsPerSecond)} labels per second, for{' '}
          {formatPercent(page.coverage === undefined ? undefined : Math.min(1, page.coverage))} of predictions.
        </p>
      </header>
      <div class="tiles">
        {known.map((quality) => (
          <QualityTile key={quality.name} quality={quality} page={page} />
        ))}
      </div>
    </section>
  )
}

const isKnown = (value: number | null) => value !== null
const none: readonly (number | null)[] = []

function QualityTile({ quality, page }: { readonly quality: Quality; readonly page: Page }) {
  const [index, setIndex] = useState<number | undefined>(undefined)
  const { history } = page
  const series = history?.quality.get(quality.name)
  const lines = useMemo(
    () => [
      { label: 'RMSE', values: series?.rmse ?? none, color: '--line-2' },
      { label: 'MAE', values: series?.mae ?? none, color: '--line-1' },
    ],
    [series],
  )
  const at = index !== undefined && history?.timesMs[index] !== undefined ? index : undefined
  const mae = at === undefined ? quality.mae : (series?.mae[at] ?? undefined)
  const rmse = at === undefined ? quality.rmse : (series?.rmse[at] ?? undefined)
  return (
    <article class="tile wide">
      <header>
        <h3>{quality.name}</h3>
        <span class="when">{at === undefined ? '' : formatClock(history!.timesMs[at]!, page.nowMs)}</span>
      </header>
      <div class="quality-body">
        <dl class="quality-figures">
          <div>
            <dt>
              <i class="swatch line-1" /> MAE
            </dt>
            <dd>
              <strong>{formatNumber(mae)}</strong> {quality.unit}
            </dd>
            <dd class="quiet">{inTraining(quality.reference.mae) ?? 'off by this much on average'}</dd>
          </div>
          <div>
            <dt>
              <i class="swatch line-2" /> RMSE
            </dt>
            <dd>
              <strong>{formatNumber(rmse)}</strong> {quality.unit}
            </dd>
            <dd class="quiet">{inTraining(quality.reference.rmse) ?? 'large errors weigh more'}</dd>
          </div>
          <div>
            <dt>Bias</dt>
            <dd>
              <strong>{formatNumber(quality.bias)}</strong> {quality.unit}
            </dd>
            <dd class="quiet">{biasWords(quality.bias)}</dd>
          </div>
        </dl>
        {history !== undefined && (
          <LineChart
            description={`Error of ${quality.name} over time`}
            timesMs={history.timesMs}
            lines={lines}
            height={150}
            format={formatNumber}
            onCursor={setIndex}
          />
        )}
      </div>
    </article>
  )
}

const inTraining = (value: number | undefined) => (value === undefined ? undefined : `${formatNumber(value)} in training`)

function biasWords(bias: number | undefined): string {
  if (bias === undefined || Number.isNaN(bias)) return 'not known yet'
  return bias > 0 ? 'predictions are too high' : bias < 0 ? 'predictions are too low' : 'neither high nor low'
}
