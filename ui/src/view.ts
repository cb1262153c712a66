/** What the page is looking at; lives in the address, so that it can be shared, and in nothing else. */
export interface View {
  /** Undefined: the first model there is. */
  readonly model: string | undefined
  /** Undefined: the one deployed last. */
  readonly revision: string | undefined
  readonly range: RangeName
  /** The end of the picture when it is held still; undefined while it is live. */
  readonly atMs: number | undefined
  /** `role.name` of the value whose detail is open. */
  readonly value: string | undefined
  readonly expr: string
  readonly tab: 'graph' | 'table'
}

export const rangesMs = { '5m': 300_000, '15m': 900_000, '1h': 3_600_000, '6h': 21_600_000 } as const
export type RangeName = keyof typeof rangesMs
export const rangeNames = Object.keys(rangesMs) as RangeName[]

const isRange = (text: string | null): text is RangeName => text !== null && Object.hasOwn(rangesMs, text)

/** Reads a view from a query string; what does not make sense is as if it were not there. */
export function parseView(search: string): View {
  const params = new URLSearchParams(search)
  const range = params.get('range')
  const at = Number(params.get('at') ?? Number.NaN)
  return {
    model: params.get('model') || undefined,
    revision: params.get('revision') || undefined,
    range: isRange(range) ? range : '15m',
    atMs: at > 0 && at < 1e11 ? at * 1000 : undefined,
    value: params.get('value') || undefined,
    expr: params.get('expr') ?? '',
    tab: params.get('tab') === 'table' ? 'table' : 'graph',
  }
}

/** The query string of a view, "" or starting with "?"; defaults are left out, so that addresses stay short. */
export function toSearch(view: View): string {
  const params = new URLSearchParams()
  if (view.model !== undefined) params.set('model', view.model)
  if (view.revision !== undefined) params.set('revision', view.revision)
  if (view.range !== '15m') params.set('range', view.range)
  if (view.atMs !== undefined) params.set('at', String(Math.round(view.atMs / 1000)))
  if (view.value !== undefined) params.set('value', view.value)
  if (view.expr !== '') params.set('expr', view.expr)
  if (view.expr !== '' && view.tab !== 'graph') params.set('tab', view.tab)
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}
