import type { Sample } from '../api.ts'
import { duration, type QualityName, qualityQueries, type Scope } from '../queries.ts'
import type { Ask } from './ask.ts'

export interface Quality {
  readonly name: string
  readonly unit: string
  readonly mae: number | undefined
  readonly rmse: number | undefined
  readonly bias: number | undefined
  /** The same measures over the training data. */
  readonly reference: { readonly mae: number | undefined; readonly rmse: number | undefined }
}

/** Errors over labelled rows come in slowly: a window as long as the drift rules'. */
export const qualityWindowMs = 60_000

export async function loadQuality(ask: Ask, scope: Scope, atMs: number | undefined) {
  const names = Object.keys(qualityQueries) as QualityName[]
  const found = await Promise.all(names.map((name) => ask(qualityQueries[name](scope, duration(qualityWindowMs)), atMs)))
  const parts = Object.fromEntries(names.map((name, i) => [name, found[i]!])) as Record<QualityName, Sample[]>
  const of = (samples: readonly Sample[], name: string) => samples.find(({ labels }) => labels.name === name)?.value
  return {
    names: [...new Set(parts.mae.map(({ labels }) => labels.name ?? ''))].sort().map((name) => ({
      name,
      mae: of(parts.mae, name),
      rmse: of(parts.rmse, name),
      bias: of(parts.bias, name),
    })),
    labelsPerSecond: parts.labels[0]?.value,
    coverage: parts.coverage[0]?.value,
  }
}
