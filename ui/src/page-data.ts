import type { Alert, Api, Sample, Series, Target, TimeGrid } from './api.ts'
import { ApiError } from './api.ts'
import { type Catalogue, chooseModel, loadCatalogue, type Model, type Revision } from './load/catalogue.ts'
import { type History, loadHistory, loadSignals, type SignalsNow } from './load/history.ts'
import { alertsThen, targetsThen } from './load/past.ts'
import { loadQuality, type Quality } from './load/quality.ts'
import { loadTasks, noTasks, type TasksNow } from './load/tasks.ts'
import { loadComparison, loadShares, noComparison } from './load/traffic.ts'
import { loadJudgements, loadProfile, type Profile, toValues } from './load/values.ts'
import { mayJudge, type Scope, type SignalName, signalQueries } from './queries.ts'
import { alignedGrid } from './series.ts'
import { chooseRevision, type RevisionTraffic, toRevisionTraffic } from './traffic.ts'
import { defaultGates, type Gates, type ValueState, worstFirst } from './values.ts'
import { rangesMs, type View } from './view.ts'

/** Everything the page shows, at one moment. */
export interface Page {
  readonly nowMs: number
  readonly catalogue: Catalogue
  readonly model: Model | undefined
  readonly revision: Revision | undefined
  /** What the view asked for and nobody knows, in a sentence that says what is shown in its place. */
  readonly missing: string | undefined
  readonly targets: readonly Target[]
  readonly alerts: readonly Alert[]
  readonly ruleCount: number
  /** Whether any alert rule may be about the model. */
  readonly isJudged: boolean
  readonly brokenRules: readonly { readonly name: string; readonly error: string }[]
  readonly windowMs: number
  readonly signals: SignalsNow
  readonly tasks: TasksNow
  readonly traffic: readonly RevisionTraffic[]
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
  const [catalogue, allShares, rules, targetsNow] = await Promise.all([
    fresh && view.atMs === undefined ? before.catalogue : loadCatalogue(ask, view.atMs, clock),
    loadShares(ask, view.atMs),
    api.rules(signal),
    api.targets(signal),
  ])
  const nowMs = view.atMs ?? clock() + catalogue.clockAheadMs
  const model = chooseModel(catalogue.models, view.model, rules.alerts, before?.model?.model)
  const shares = model === undefined ? undefined : allShares.get(model.model)
  const revision = chooseRevision(model, shares, view.revision)
  const intervalMs = Math.max(0, ...targetsNow.map((target) => target.intervalMs))
  // A rate over fewer than four scrapes is an accident of which scrapes it caught.
  const windowMs = Math.max(10_000, 4 * intervalMs)
  const isJudged = model !== undefined && rules.alertRules.some(({ expr }) => mayJudge(expr, model.model))
  const missing = missingOf(view, model, revision)
  const shared = { nowMs, catalogue, model, revision, missing, ruleCount: rules.ruleCount, isJudged, brokenRules: rules.broken, windowMs }
  const [alerts, targets] =
    view.atMs === undefined
      ? [rules.alerts, targetsNow]
      : [await alertsThen(ask, rules, view.atMs), await targetsThen(ask, targetsNow, view.atMs)]
  if (model === undefined || revision === undefined) return { ...shared, ...emptyParts(), targets, alerts, problems: [...problems] }

  const scope: Scope = { model: model.model, revision: revision.revision }
  const grid = alignedGrid(nowMs, rangesMs[view.range])
  const key = JSON.stringify([scope, grid, windowMs])
  const profileKey = JSON.stringify([scope, view.atMs])
  const [signals, tasks, comparison, profile, parts, quality, history] = await Promise.all([
    loadSignals(ask, scope, windowMs, view.atMs),
    loadTasks(ask, scope, windowMs, view.atMs),
    shares !== undefined && shares.size > 1 ? loadComparison(ask, scope, windowMs, rangesMs[view.range], view.atMs) : noComparison,
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
    tasks,
    traffic: toRevisionTraffic(shares, comparison, history),
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

function missingOf(view: View, model: Model | undefined, revision: Revision | undefined): string | undefined {
  if (model === undefined || revision === undefined) return undefined
  if (view.model !== undefined && view.model !== model.model) return `Nobody reports a model ${view.model}. This is ${model.model}.`
  if (view.revision === undefined || view.revision === revision.revision) return undefined
  return `Nobody reports a revision ${view.revision} of ${model.model}. This is ${revision.revision}.`
}

function refused(error: unknown, problems: Set<string>): undefined {
  if (!(error instanceof ApiError) || error.kind !== 'refused') throw error
  problems.add(error.message)
}

const noSignals = Object.fromEntries(Object.keys(signalQueries).map((name) => [name, undefined])) as Record<SignalName, undefined>

function emptyParts() {
  return {
    signals: noSignals,
    tasks: noTasks,
    traffic: [],
    values: [],
    gates: defaultGates,
    quality: [],
    profile: undefined,
    labelsPerSecond: undefined,
    coverage: undefined,
    history: undefined,
  }
}
