import type { Alert } from './api.ts'
import type { Bin } from './bins.ts'
import { compareNames } from './format.ts'
import { lastRunStart } from './series.ts'

/** The gates a drift rule uses. It speaks when index and deviation are above theirs, and there are at least as many rows. */
export interface Gates {
  readonly psi: number
  readonly psiZ: number
  readonly rows: number
}

/** What the generated rules use unless told otherwise; the recorded gates win over these. */
export const defaultGates: Gates = { psi: 0.2, psiZ: 3.7, rows: 200 }

/** `unsure`: the distance is large but chance may explain it. `unjudged`: no rule has given a figure. */
export type ValueVerdict = 'drifting' | 'unsure' | 'steady' | 'too-few' | 'unjudged'

export interface Judgement {
  readonly psi: number | undefined
  readonly psiZ: number | undefined
  readonly rows: number | undefined
}

export interface PsiHistory {
  readonly timesMs: readonly number[]
  readonly psi: readonly (number | null)[]
}

/** One input or output of a model, and all the page knows of it. */
export interface ValueState extends Judgement {
  readonly key: string
  readonly role: 'input' | 'output'
  readonly name: string
  readonly unit: string
  readonly type: string
  readonly verdict: ValueVerdict
  readonly bins: readonly Bin[]
  readonly history: PsiHistory
  /** When the drift began, if it drifts; `atLeast` when it may have begun before the picture does. */
  readonly since: { readonly timeMs: number; readonly atLeast: boolean } | undefined
  readonly alert: Alert | undefined
}

export const keyOf = (role: string, name: string) => `${role}.${name}`

export function judge({ psi, psiZ, rows }: Judgement, gates: Gates): ValueVerdict {
  if (rows !== undefined && rows < gates.rows) return 'too-few'
  if (psi === undefined || Number.isNaN(psi)) return 'unjudged'
  if (psi <= gates.psi) return 'steady'
  if (psiZ !== undefined && psiZ <= gates.psiZ) return 'unsure'
  return 'drifting'
}

/** When the drift began: the alert knows it best; without one, the moment the index crossed its gate for good. */
export function driftStart(
  verdict: ValueVerdict,
  alert: Alert | undefined,
  { timesMs, psi }: PsiHistory,
  gates: Gates,
): ValueState['since'] {
  if (alert !== undefined) return { timeMs: alert.activeAtMs, atLeast: false }
  return verdict === 'drifting' ? lastRunStart(timesMs, psi, (value) => value > gates.psi) : undefined
}

export function describeVerdict({ verdict, alert, rows }: Pick<ValueState, 'verdict' | 'alert' | 'rows'>): string {
  if (alert?.state === 'firing') return 'drifting'
  switch (verdict) {
    case 'drifting':
      return alert === undefined ? 'drifting' : 'drifting (pending)'
    case 'unsure':
      return 'may be chance'
    case 'steady':
      return 'steady'
    case 'too-few':
      return 'too few rows'
    case 'unjudged':
      return rows === undefined ? 'no figures now' : 'not judged yet'
  }
}

/** Whether anything is known beyond their names: training data to compare with, or rows that came. */
export const hasFigures = (values: readonly ValueState[]) =>
  values.some(({ bins, psi, rows }) => bins.length > 0 || psi !== undefined || rows !== undefined)

const rankOf: Readonly<Record<ValueVerdict, number>> = { drifting: 0, unsure: 1, 'too-few': 2, unjudged: 2, steady: 3 }

/** Worst first. Among those that are well, only a halved or doubled index changes places: rows that hop about cannot be read. */
export function worstFirst(values: readonly ValueState[]): ValueState[] {
  const severity = (value: ValueState) => (value.alert?.state === 'firing' ? -1 : rankOf[value.verdict])
  const level = ({ psi, verdict }: ValueState) =>
    psi === undefined || !(psi > 0)
      ? -99
      : verdict === 'drifting'
        ? Math.round(Math.log2(psi) * 4) / 4
        : Math.max(-5, Math.round(Math.log2(psi)))
  return [...values].sort(
    (a, b) =>
      severity(a) - severity(b) || level(b) - level(a) || (a.role < b.role ? -1 : a.role > b.role ? 1 : 0) || compareNames(a.name, b.name),
  )
}
