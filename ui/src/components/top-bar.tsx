import { navigate, togglePause } from '../app-state.ts'
import { formatClock } from '../format.ts'
import type { Model } from '../load/catalogue.ts'
import type { Page } from '../page-data.ts'
import { useStore } from '../store.ts'
import { theme, toggleTheme } from '../theme.ts'
import { rangeNames, rangesMs, type View } from '../view.ts'
import { Icon } from './icons.tsx'
import { ViewLink } from './view-link.tsx'

/** More models than this are chosen from a list: as links they would cover the page. */
const linksMax = 8

/** Which model, which time, live or not. */
export function TopBar({ page, view, lost }: { readonly page: Page | undefined; readonly view: View; readonly lost: boolean }) {
  const shownTheme = useStore(theme)
  const models = page?.catalogue.models ?? []
  return (
    <header class="top-bar">
      <a class="brand" href="./" aria-label="modelwatch, start page">
        <img src="./icon.svg" alt="" width="22" height="22" />
        <span>modelwatch</span>
      </a>
      {page !== undefined && models.length > 1 && (models.length > linksMax ? <ModelChoice page={page} /> : <ModelLinks page={page} />)}
      <div class="spacer" />
      <div class="controls">
        {view.atMs !== undefined && <TimeSteps view={view} atMs={view.atMs} />}
        <nav class="segmented" aria-label="Time range">
          {rangeNames.map((range) => (
            <ViewLink key={range} to={{ range }} current={range === view.range}>
              {range}
            </ViewLink>
          ))}
        </nav>
        <button type="button" class={`live ${view.atMs === undefined ? 'on' : ''} ${lost ? 'lost' : ''}`} onClick={togglePause} title="p">
          {view.atMs === undefined ? (
            <>
              <span class="pulse" aria-hidden="true" />
              {lost ? 'Lost' : 'Live'}
              <span class="visually-hidden">, press to pause</span>
            </>
          ) : (
            <>
              <Icon name="play" />
              Go live
            </>
          )}
        </button>
        <button
          type="button"
          class="bare"
          onClick={toggleTheme}
          title="t"
          aria-label={shownTheme === 'dark' ? 'Light theme' : 'Dark theme'}
        >
          <Icon name={shownTheme === 'dark' ? 'sun' : 'moon'} />
        </button>
      </div>
    </header>
  )
}

const viewOf = (model: string) => ({ model, revision: undefined, value: undefined })
const isFiring = ({ alerts }: Page, model: string) => alerts.some(({ labels, state }) => labels.model === model && state === 'firing')

function ModelLinks({ page }: { readonly page: Page }) {
  return (
    <nav class="models" aria-label="Models">
      {page.catalogue.models.map(({ model }) => (
        <ViewLink key={model} to={viewOf(model)} current={model === page.model?.model}>
          {model}
          {isFiring(page, model) && (
            <span class="badge bad" title="alerts are firing">
              !<span class="visually-hidden"> alerts are firing</span>
            </span>
          )}
        </ViewLink>
      ))}
    </nav>
  )
}

/** Those in trouble stand first, and in the count beside the list. */
function ModelChoice({ page }: { readonly page: Page }) {
  const [firing, calm] = [true, false].map((wanted) => page.catalogue.models.filter(({ model }) => isFiring(page, model) === wanted))
  const options = (models: readonly Model[]) => models.map(({ model }) => <option key={model}>{model}</option>)
  return (
    <span class="models">
      <select aria-label="Model" value={page.model?.model ?? ''} onChange={(event) => navigate(viewOf(event.currentTarget.value))}>
        {firing!.length > 0 && <optgroup label="Alerts are firing">{options(firing!)}</optgroup>}
        <optgroup label={firing!.length > 0 ? 'No alerts' : 'Models'}>{options(calm!)}</optgroup>
      </select>
      <span class="quiet">
        {firing!.length > 0 && <b class="tag firing">{firing!.length} with alerts</b>} of {page.catalogue.models.length} models
      </span>
    </span>
  )
}

/** A picture held still can be moved through time by half its width. */
function TimeSteps({ view, atMs }: { readonly view: View; readonly atMs: number }) {
  const halfMs = rangesMs[view.range] / 2
  return (
    <span class="time-steps">
      <button type="button" class="bare" aria-label="Earlier" onClick={() => navigate({ atMs: atMs - halfMs })}>
        <Icon name="back" />
      </button>
      <time>{formatClock(atMs, Date.now())}</time>
      <button
        type="button"
        class="bare"
        aria-label="Later"
        disabled={atMs + halfMs > Date.now()}
        onClick={() => navigate({ atMs: atMs + halfMs })}
      >
        <Icon name="forward" />
      </button>
    </span>
  )
}
