import type { Alert, Api, Sample, Series, Target, TimeGrid } from './api.ts'
import { ApiError } from './api.ts'
import { type Bin, toBins } from './bins.ts'
import {
  catalogueQueries,
  duration,
  profileQueries,
  type QualityName,
  qualityQueries,
  type Scope,
  type SignalName,
  signalQueries,
  troubleQuery,
  valueQueries,
} from './queries.ts'
import { alignedGrid, gridTimesMs, onGrid } from './series.ts'
import { defaultGates, driftStart, type Gates, judge, keyOf, type ValueState, worstFirst } from './values.ts'
import { rangesMs, type View } from './view.ts'

export interface Revision {
  readonly revision: string
  readonly info: Readonly<Record<string, string>>
  readonly trainedAtMs: number | undefined
  readonly deployedAtMs: number | undefined
  readonly referenceRows: number | undefined
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

/** Lines of the charts, all on one grid. */
export interface History {
  readonly grid: TimeGrid
  readonly timesMs: readonly number[]
  readonly signals: Readonly<Record<SignalName, readonly (number | null)[]>>
  readonly trouble: readonly (number | null)[]
  readonly psi: ReadonlyMap<string, readonly (number | null)[]>
  readonly quality: ReadonlyMap<string, Readonly<Record<'mae' | 'rmse', readonly (number | null)[]>>>
  /** What it was loaded for; another key means it must be loaded anew. */
  readonly key: string
}

export interface Quality {
  readonly name: string
  readonly unit: string
  readonly mae: number | undefined
  readonly rmse: number | undefined
  readonly bias: number | undefined
  /** The same measures over the training data. */
  readonly reference: { readonly mae: number | undefined; readonly rmse: number | undefined }
}

/** Everything the page shows, at one moment. */
export interface Page {
  readonly nowMs: number
  readonly catalogue: Catalogue
  readonly model: Model | undefined
  readonly revision: Revision | undefined
  readonly targets: readonly Target[]
  readonly alerts: readonly Alert[]
  readonly ruleCount: number
  readonly brokenRules: readonly { readonly name: string; readonly error: string }[]
  readonly windowMs: number
  readonly signals: Readonly<Record<SignalName, number | undefined>>
  readonly values: readonly ValueState[]
  readonly gates: Gates
  readonly quality: readonly Quality[]
  readonly labelsPerSecond: number | undefined
  readonly coverage: number | undefined
  readonly history: History | undefined
  readonly profile: Profile | undefined
  /** Questions the plane refused, said once each: part of the page may be empty because of them. */
  readonly problems: readonly string[]
}

/** Facts of a deployment are asked again after this long. */
const catalogueAgeMsMax = 15_000
/** Errors over labelled rows come in slowly: a window as long as the drift rules'. */
const qualityWindowMs = 60_000

/**
 * Asks the plane for everything the view shows. What hardly changes is taken over from the page before.
 * @throws ApiError of kind `unreachable` when the plane does not answer. Refused questions become `problems`.
 */
export async function loadPage(api: Api, view: View, before: Page | undefined, clock: () => number, signal: AbortSignal): Promise<Page> {
  const problems = new Set<string>()
  const ask = async (expr: string, timeMs?: number): Promise<Sample[]> => {
    try {
      return await api.query(expr, { timeMs, signal })
    } catch (error) {
      return refused(error, problems) ?? []
    }
  }
  const askRange = async (expr: string, grid: TimeGrid): Promise<Series[]> => {
    try {
      return await api.queryRange(expr, grid, { signal })
    } catch (error) {
      return refused(error, problems) ?? []
    }
  }
  const fresh = before !== undefined && clock() - before.catalogue.loadedAtMs < catalogueAgeMsMax && before.catalogue.models.length > 0
  const [catalogue, rules, targetsNow] = await Promise.all([
    fresh && view.atMs === undefined ? before.catalogue : loadCatalogue(ask, view.atMs, clock),
    api.rules(signal),
    api.targets(signal),
  ])
  const nowMs = view.atMs ?? clock() + catalogue.clockAheadMs
  const model = chooseModel(catalogue.models, view.model, rules.alerts, before?.model?.model)
  const revision = model?.revisions.find((candidate) => candidate.revision === view.revision) ?? model?.revisions[0]
  const intervalMs = Math.max(0, ...targetsNow.map((target) => target.intervalMs))
  // A rate over fewer than four scrapes is an accident of which scrapes it caught.
  const windowMs = Math.max(10_000, 4 * intervalMs)
  const shared = { nowMs, catalogue, model, revision, ruleCount: rules.ruleCount, brokenRules: rules.broken, windowMs }
  const [alerts, targets] =
    view.atMs === undefined
      ? [rules.alerts, targetsNow]
      : [await alertsThen(ask, rules, view.atMs), await targetsThen(ask, targetsNow, view.atMs)]
  if (model === undefined || revision === undefined) return { ...shared, ...emptyParts(), targets, alerts, problems: [...problems] }

  const scope: Scope = { model: model.model, revision: revision.revision }
  const grid = alignedGrid(nowMs, rangesMs[view.range])
  const key = JSON.stringify([scope, grid, windowMs])
  const profileKey = JSON.stringify([scope, view.atMs])
  const [signals, profile, parts, quality, history] = await Promise.all([
    loadSignals(ask, scope, windowMs, view.atMs),
    fresh && before.profile?.key === profileKey ? before.profile : loadProfile(ask, scope, view.atMs),
    loadJudgements(ask, scope, view.atMs),
    loadQuality(ask, scope, view.atMs),
    before?.history?.key === key ? before.history : loadHistory(askRange, scope, grid, windowMs, key, model.reporters),
  ])
  const values = worstFirst(toValues(profile, parts, history, alerts, scope))
  const trained = (name: string, measure: string) =>
    profile.referenceErrors.find(({ labels }) => labels.name === name && labels.measure === measure)?.value
  const units = new Map(values.filter((value) => value.role === 'output').map((value) => [value.name, value.unit]))
  return {
    ...shared,
    targets,
    alerts,
    signals,
    values,
    gates: parts.gates,
    quality: quality.names.map((one) => ({
      ...one,
      unit: units.get(one.name) ?? '',
      reference: { mae: trained(one.name, 'mae'), rmse: trained(one.name, 'rmse') },
    })),
    profile,
    labelsPerSecond: quality.labelsPerSecond,
    coverage: quality.coverage,
    history,
    problems: [...problems],
  }
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

type Ask = (expr: string, timeMs?: number) => Promise<Sample[]>
type AskRange = (expr: string, grid: TimeGrid) => Promise<Series[]>

function refused(error: unknown, problems: Set<string>): undefined {
  if (!(error instanceof ApiError) || error.kind !== 'refused') throw error
  problems.add(error.message)
}

const noSignals = Object.fromEntries(Object.keys(signalQueries).map((name) => [name, undefined])) as Record<SignalName, undefined>

function emptyParts() {
  return {
    signals: noSignals,
    values: [],
    gates: defaultGates,
    quality: [],
    profile: undefined,
    labelsPerSecond: undefined,
    coverage: undefined,
    history: undefined,
  }
}

async function loadCatalogue(ask: Ask, atMs: number | undefined, clock: () => number): Promise<Catalogue> {
  const [info, trained, deployed, referenceRows, time] = await Promise.all([
    ask(catalogueQueries.modelInfo, atMs),
    ask(catalogueQueries.trainedAt, atMs),
    ask(catalogueQueries.deployedAt, atMs),
    ask(catalogueQueries.referenceRows, atMs),
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
    }))
    revisions.sort((a, b) => (b.deployedAtMs ?? 0) - (a.deployedAtMs ?? 0) || (a.revision < b.revision ? 1 : -1))
    return { model, revisions, reporters: samples.map(({ labels }) => ({ job: labels.job ?? '', instance: labels.instance ?? '' })) }
  })
  models.sort((a, b) => (a.model < b.model ? -1 : 1))
  const now = clock()
  return { models, clockAheadMs: time[0] === undefined ? 0 : time[0].value * 1000 - now, loadedAtMs: now }
}

/** The alerts of a moment in the past. Their words were made then and are not kept; those still active lend theirs. */
async function alertsThen(ask: Ask, rules: Awaited<ReturnType<Api['rules']>>, atMs: number): Promise<Alert[]> {
  const [states, since] = await Promise.all([ask('ALERTS', atMs), ask('ALERTS_FOR_STATE', atMs)])
  const idOf = ({ __name__: _, alertstate: __, ...labels }: Sample['labels']) => JSON.stringify(Object.entries(labels).sort())
  const sinceMs = new Map(since.map(({ labels, value }) => [idOf(labels), value * 1000]))
  const active = new Map(rules.alerts.map((alert) => [idOf({ ...alert.labels, alertname: alert.name }), alert]))
  return states.flatMap(({ labels }): Alert[] => {
    const { alertstate: state, alertname: name = '' } = labels
    if (state !== 'firing' && state !== 'pending') return []
    const rule = rules.alertRules.find((candidate) => candidate.name === name)
    return [
      {
        name,
        labels,
        state,
        annotations: active.get(idOf(labels))?.annotations ?? {},
        activeAtMs: sinceMs.get(idOf(labels)) ?? atMs,
        expr: rule?.expr ?? '',
        forMs: rule?.forMs ?? 0,
      },
    ]
  })
}

async function targetsThen(ask: Ask, targets: readonly Target[], atMs: number): Promise<Target[]> {
  const up = await ask('up', atMs)
  return targets.map((target) => {
    const value = up.find(({ labels }) => labels.job === target.job && labels.instance === target.instance)?.value
    const health = value === undefined ? 'unknown' : value === 1 ? 'up' : 'down'
    return { ...target, health, lastError: health === target.health ? target.lastError : '', lastScrapeMs: undefined }
  })
}

async function loadSignals(ask: Ask, scope: Scope, windowMs: number, atMs: number | undefined): Promise<Page['signals']> {
  const names = Object.keys(signalQueries) as SignalName[]
  const samples = await Promise.all(names.map((name) => ask(signalQueries[name](scope, duration(windowMs)), atMs)))
  return Object.fromEntries(names.map((name, i) => [name, samples[i]![0]?.value])) as Record<SignalName, number | undefined>
}

/** What training left behind about each value. */
export interface Profile {
  readonly key: string
  readonly info: readonly Sample[]
  readonly referenceBins: readonly Sample[]
  readonly referenceErrors: readonly Sample[]
}

async function loadProfile(ask: Ask, scope: Scope, atMs: number | undefined): Promise<Profile> {
  const [info, referenceBins, referenceErrors] = await Promise.all([
    ask(profileQueries.info(scope), atMs),
    ask(profileQueries.referenceBins(scope), atMs),
    ask(profileQueries.referenceErrors(scope), atMs),
  ])
  return { key: JSON.stringify([scope, atMs]), info, referenceBins, referenceErrors }
}

interface Judgements {
  readonly binRows: readonly Sample[]
  readonly rows: readonly Sample[]
  readonly psi: readonly Sample[]
  readonly psiZ: readonly Sample[]
  readonly gates: Gates
}

async function loadJudgements(ask: Ask, scope: Scope, atMs: number | undefined): Promise<Judgements> {
  const [binRows, judgements] = await Promise.all([ask(valueQueries.binRows(scope), atMs), ask(valueQueries.judgements(scope), atMs)])
  const named = (record: string) => judgements.filter(({ labels }) => labels.__name__ === `modelwatch:${record}`)
  const gates = {
    psi: named('psi_gate')[0]?.value ?? defaultGates.psi,
    psiZ: named('psi_z_gate')[0]?.value ?? defaultGates.psiZ,
    rows: named('value_rows_gate')[0]?.value ?? defaultGates.rows,
  }
  return { binRows, rows: named('value_rows'), psi: named('psi'), psiZ: named('psi_z'), gates }
}

function toValues(profile: Profile, parts: Judgements, history: History, alerts: readonly Alert[], scope: Scope): ValueState[] {
  const keyOfSample = ({ labels }: Sample) => keyOf(labels.role ?? '', labels.name ?? '')
  const numbers = (samples: readonly Sample[]) => new Map(samples.map((sample) => [keyOfSample(sample), sample.value]))
  const bins = (samples: readonly Sample[]) => Map.groupBy(samples, keyOfSample)
  const binMap = (samples: readonly Sample[] | undefined) => new Map((samples ?? []).map(({ labels, value }) => [labels.bin ?? '', value]))
  const [psi, psiZ, rows] = [numbers(parts.psi), numbers(parts.psiZ), numbers(parts.rows)]
  const [referenceBins, binRows] = [bins(profile.referenceBins), bins(parts.binRows)]
  const infos = new Map(profile.info.map((sample) => [keyOfSample(sample), sample.labels]))
  const labelsOf = new Map([...profile.info, ...profile.referenceBins, ...parts.psi].map((sample) => [keyOfSample(sample), sample.labels]))
  return [...labelsOf].map(([key, { role, name = '' }]) => {
    const judgement = { psi: psi.get(key), psiZ: psiZ.get(key), rows: rows.get(key) }
    const verdict = judge(judgement, parts.gates)
    const alert = alerts.find(
      ({ labels }) =>
        labels.role === role &&
        labels.name === name &&
        labels.model === scope.model &&
        (labels.revision ?? scope.revision) === scope.revision,
    )
    const psiHistory = { timesMs: history.timesMs, psi: history.psi.get(key) ?? [] }
    const ofBins: Bin[] = toBins(binMap(referenceBins.get(key)), binMap(binRows.get(key)))
    return {
      key,
      role: role === 'output' ? 'output' : 'input',
      name,
      unit: infos.get(key)?.unit ?? '',
      type: infos.get(key)?.type ?? '',
      ...judgement,
      verdict,
      bins: ofBins,
      history: psiHistory,
      since: driftStart(verdict, alert, psiHistory, parts.gates),
      alert,
    }
  })
}

async function loadQuality(ask: Ask, scope: Scope, atMs: number | undefined) {
  const names = Object.keys(qualityQueries) as QualityName[]
  const found = await Promise.all(names.map((name) => ask(qualityQueries[name](scope, duration(qualityWindowMs)), atMs)))
  const parts = Object.fromEntries(names.map((name, i) => [name, found[i]!])) as Record<QualityName, Sample[]>
  const of = (samples: readonly Sample[], name: string) => samples.find(({ labels }) => labels.name === name)?.value
  const trained = (name: string, measure: string) =>
    profile.referenceErrors.find(({ labels }) => labels.name === name && labels.measure === measure)?.value
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

async function loadHistory(
  ask: AskRange,
  scope: Scope,
  grid: TimeGrid,
  windowMs: number,
  key: string,
  reporters: Model['reporters'],
): Promise<History> {
  const names = Object.keys(signalQueries) as SignalName[]
  // A window shorter than the step would leave out what happens between two points.
  const window = duration(Math.max(windowMs, grid.stepMs))
  const qualityWindow = duration(Math.max(qualityWindowMs, grid.stepMs))
  const jobs = [...new Set(reporters.map(({ job }) => job))].filter((job) => job !== '')
  const [signals, trouble, psi, mae, rmse] = await Promise.all([
    Promise.all(names.map((name) => ask(signalQueries[name](scope, window), grid))),
    ask(troubleQuery(scope, jobs), grid),
    ask(valueQueries.psi(scope), grid),
    ask(qualityQueries.mae(scope, qualityWindow), grid),
    ask(qualityQueries.rmse(scope, qualityWindow), grid),
  ])
  const byName = (series: readonly Series[], name: string) =>
    onGrid(
      series.find(({ labels }) => (labels.name ?? '') === name),
      grid,
    )
  return {
    key,
    grid,
    timesMs: gridTimesMs(grid),
    signals: Object.fromEntries(names.map((name, i) => [name, onGrid(signals[i]![0], grid)])) as unknown as History['signals'],
    trouble: onGrid(trouble[0], grid),
    psi: new Map(psi.map((series) => [keyOf(series.labels.role ?? '', series.labels.name ?? ''), onGrid(series, grid)])),
    quality: new Map(
      mae.map(({ labels }) => [labels.name ?? '', { mae: byName(mae, labels.name ?? ''), rmse: byName(rmse, labels.name ?? '') }]),
    ),
  }
}
