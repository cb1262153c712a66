import { createApi } from './api.ts'
import { loadPage, type Page } from './page-data.ts'
import { createPoller } from './poller.ts'
import { createStore } from './store.ts'
import type { Contact } from './verdict.ts'
import { parseView, toSearch, type View } from './view.ts'

/** How long one question may take before the plane counts as silent. */
const answerMsMax = 10_000

export const api = createApi({ fetch: (url, init) => fetch(url, init), base: './', timeoutMs: answerMsMax })
export const view = createStore<View>(parseView(location.search))
/** The last picture; it stays when the plane falls silent. */
export const page = createStore<Page | undefined>(undefined)
export const contact = createStore<Contact>({ kind: 'connecting' })

const poller = createPoller({
  async tick(signal) {
    const next = await loadPage(api, view.get(), page.get(), Date.now, signal)
    if (signal.aborted) return
    page.set(next)
    contact.set({ kind: 'ok', atMs: Date.now() })
  },
  // New figures come once per scrape; asking more often shows nothing new. A picture held still is asked for again only in case it failed.
  intervalMs: () => (view.get().atMs === undefined ? clamp(Math.min(...scrapeIntervalsMs()), 2000, 5000) : 60_000),
  onFailure(error, waitMs) {
    const before = contact.get()
    const sinceMs = before.kind === 'lost' ? before.sinceMs : Date.now()
    contact.set({ kind: 'lost', sinceMs, reason: error instanceof Error ? error.message : String(error), nextTryMs: Date.now() + waitMs })
  },
  isHidden: () => document.hidden,
})

const scrapeIntervalsMs = () => (page.get()?.targets ?? []).map((target) => target.intervalMs)
const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))

document.addEventListener('visibilitychange', () => poller.visibilityChanged())
window.addEventListener('popstate', () => apply(parseView(location.search)))

const needsAsking = ['model', 'revision', 'range', 'atMs'] as const

function apply(next: View): void {
  const before = view.get()
  view.set(next)
  if (needsAsking.some((key) => before[key] !== next[key])) poller.kick()
}

/** The address of the view with some of it changed. */
export function addressOf(patch: Partial<View>): string {
  return `${location.pathname}${toSearch({ ...view.get(), ...patch })}`
}

/** Looks at something else. `replace` leaves no step behind for the browser's back button. */
export function navigate(patch: Partial<View>, { replace = false } = {}): void {
  const next = { ...view.get(), ...patch }
  const address = `${location.pathname}${toSearch(next)}`
  if (replace || address === location.pathname + location.search) history.replaceState(null, '', address)
  else history.pushState(null, '', address)
  apply(next)
}

/** Holds the picture still at its present end, or lets it run again. */
export function togglePause(): void {
  const { atMs } = view.get()
  navigate({ atMs: atMs === undefined ? Math.floor((page.get()?.nowMs ?? Date.now()) / 1000) * 1000 : undefined })
}
