import type { Alert, Sample } from '../api.ts'
import { compareNames } from '../format.ts'
import { catalogueQueries } from '../queries.ts'
import type { Ask } from './ask.ts'

export interface Revision {
  readonly revision: string
  readonly info: Readonly<Record<string, string>>
  readonly trainedAtMs: number | undefined
  readonly deployedAtMs: number | undefined
  readonly referenceRows: number | undefined
  /** The last that was heard of its share of the traffic. */
  readonly trafficRatio: number | undefined
}

export interface Model {
  readonly model: string
  /** The one deployed last comes first. */
  readonly revisions: readonly Revision[]
  /** `job` and `instance` of the targets that report it. */
  readonly reporters: readonly { readonly job: string; readonly instance: string }[]
}

export interface Catalogue {
  readonly models: readonly Model[]
  /** What the plane's clock is ahead of ours: the page shows the plane's time. */
  readonly clockAheadMs: number
  readonly loadedAtMs: number
}

export async function loadCatalogue(ask: Ask, atMs: number | undefined, clock: () => number): Promise<Catalogue> {
  const [info, trained, deployed, referenceRows, trafficRatio, time] = await Promise.all([
    ask(catalogueQueries.modelInfo, atMs),
    ask(catalogueQueries.trainedAt, atMs),
    ask(catalogueQueries.deployedAt, atMs),
    ask(catalogueQueries.referenceRows, atMs),
    ask(catalogueQueries.trafficRatio, atMs),
    ask('time()'),
  ])
  const valueFor = (samples: readonly Sample[], model: string, revision: string) =>
    samples.find(({ labels }) => labels.model === model && labels.revision === revision)?.value
  const toMs = (seconds: number | undefined) => (seconds !== undefined && seconds > 0 ? seconds * 1000 : undefined)
  const models = [...Map.groupBy(info, ({ labels }) => labels.model ?? '')].map(([model, samples]): Model => {
    const revisions = [...Map.groupBy(samples, ({ labels }) => labels.revision ?? '')].map(([revision, [first]]) => ({
      revision,
      info: first!.labels,
      trainedAtMs: toMs(valueFor(trained, model, revision)),
      deployedAtMs: toMs(valueFor(deployed, model, revision)),
      referenceRows: valueFor(referenceRows, model, revision),
      trafficRatio: valueFor(trafficRatio, model, revision),
    }))
    revisions.sort((a, b) => (b.deployedAtMs ?? 0) - (a.deployedAtMs ?? 0) || (a.revision < b.revision ? 1 : -1))
    return { model, revisions, reporters: samples.map(({ labels }) => ({ job: labels.job ?? '', instance: labels.instance ?? '' })) }
  })
  models.sort((a, b) => compareNames(a.model, b.model))
  const now = clock()
  return { models, clockAheadMs: time[0] === undefined ? 0 : time[0].value * 1000 - now, loadedAtMs: now }
}

/** The model asked for; without a wish, one that is in trouble, or else the one shown before, or the first. */
export function chooseModel(
  models: readonly Model[],
  wanted: string | undefined,
  alerts: readonly Alert[],
  shown: string | undefined,
): Model | undefined {
  const named = (name: string | undefined) => models.find((candidate) => candidate.model === name)
  const troubled = (model: Model | undefined) => alerts.some(({ labels, state }) => state === 'firing' && labels.model === model?.model)
  const before = named(shown)
  return named(wanted) ?? (before !== undefined && troubled(before) ? before : (models.find(troubled) ?? before ?? models[0]))
}
