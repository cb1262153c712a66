import { createStore } from './store.ts'

export type Theme = 'light' | 'dark'
const storageKey = 'modelwatch.theme'
const systemDark = matchMedia('(prefers-color-scheme: dark)')
const system = (): Theme => (systemDark.matches ? 'dark' : 'light')

/** The theme shown. The reader's choice is remembered only while it differs from the system's. */
export const theme = createStore<Theme>(stored() ?? system())

function stored(): Theme | undefined {
  try {
    const text = localStorage.getItem(storageKey)
    return text === 'light' || text === 'dark' ? text : undefined
  } catch {
    return undefined // Storage may be forbidden; then a choice lasts as long as the page.
  }
}

export function startTheme(): void {
  const apply = () => document.documentElement.setAttribute('data-theme', theme.get())
  theme.subscribe(apply)
  apply()
  systemDark.addEventListener('change', () => stored() === undefined && theme.set(system()))
}

export function toggleTheme(): void {
  const next: Theme = theme.get() === 'dark' ? 'light' : 'dark'
  try {
    if (next === system()) localStorage.removeItem(storageKey)
    else localStorage.setItem(storageKey, next)
  } catch {
    // As above: the choice is simply not remembered.
  }
  theme.set(next)
}

/** The value a colour token has now, for canvases, which do not read custom properties. */
export function tokenColor(token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  document.body.append(probe)
  const color = getComputedStyle(probe).color
  probe.remove()
  return color
}
