import { navigate, togglePause, view } from './app-state.ts'
import { toggleTheme } from './theme.ts'
import { rangeNames } from './view.ts'

/** What single keys do, as the foot of the page lists it. */
export const keyHelp = [
  { keys: '1–4', does: 'time range' },
  { keys: 'p', does: 'pause or go live' },
  { keys: 'j k', does: 'next, previous value' },
  { keys: '/', does: 'query' },
  { keys: 't', does: 'theme' },
  { keys: 'Esc', does: 'close' },
] as const

export function startKeys(): void {
  document.addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement
    const typing = target.matches('input, textarea, select')
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Escape') {
      if (typing) target.blur()
      else if (view.get().value !== undefined) navigate({ value: undefined })
      return
    }
    if (typing) return
    const act = actions[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  })
}

const actions: Readonly<Record<string, () => void>> = {
  p: togglePause,
  t: toggleTheme,
  j: () => moveFocus(1),
  k: () => moveFocus(-1),
  '/': () => document.getElementById('promql')?.focus(),
  ...Object.fromEntries(rangeNames.map((range, i) => [String(i + 1), () => navigate({ range })])),
}

function moveFocus(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-value-row]')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}
