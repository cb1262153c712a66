import { formatDuration, formatSeconds } from '../format.ts'
import type { Page } from '../page-data.ts'
import { ToneIcon } from './icons.tsx'

const toneOf = { up: 'good', down: 'bad', unknown: 'idle' } as const

/** Where the figures come from, and whether it still answers. */
export function Targets({ page }: { readonly page: Page }) {
  if (page.targets.length === 0) return null
  return (
    <section aria-labelledby="targets-title">
      <h2 id="targets-title">Sources</h2>
      <div class="table-scroll">
        <table class="targets">
          <thead>
            <tr>
              <th scope="col">Target</th>
              <th scope="col">State</th>
              <th scope="col">Last asked</th>
              <th scope="col">Took</th>
              <th scope="col">Every</th>
            </tr>
          </thead>
          <tbody>
            {page.targets.map((target) => (
              <tr key={target.scrapeUrl}>
                <th scope="row">
                  {target.job} <a href={target.scrapeUrl}>{target.instance}</a>
                  {target.lastError !== '' && <p class="error">{target.lastError}</p>}
                </th>
                <td>
                  <ToneIcon tone={toneOf[target.health]} size={14} /> {target.health === 'unknown' ? 'not asked yet' : target.health}
                </td>
                <td>{target.lastScrapeMs === undefined ? '–' : `${formatDuration(page.nowMs - target.lastScrapeMs)} ago`}</td>
                <td>{target.lastScrapeMs === undefined ? '–' : formatSeconds(target.lastScrapeDurationMs / 1000)}</td>
                <td>{formatDuration(target.intervalMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
