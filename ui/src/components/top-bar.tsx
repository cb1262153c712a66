import { navigate, togglePause } from '../app-state.ts'
import { formatClock } from '../format.ts'
import type { Page } from '../page-data.ts'
import { useStore } from '../store.ts'
import { theme, toggleTheme } from '../theme.ts'
import { rangeNames, rangesMs, type View } from '../view.ts'
import { Icon } from './icons.tsx'
import { ViewLink } from './view-link.tsx'

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
      {models.length > 1 && (
        <nav class="models" aria-label="Models">
          {models.map(({ model }) => (
            <ViewLink key={model} to={{ model, revision: undefined, value: undefined }} current={model === page?.model?.model}>
              {model}
              {page?.alerts.some(({ labels, state }) => labels.model === model && state === 'firing') && (
                <span class="badge bad" title="alerts are firing">
                  !
                </span>
              )}
            </ViewLink>
          ))}
        </nav>
      )}
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
