import { messageOf } from '../../../core/errors.ts'
import type { Registry } from '../../../instrument/index.ts'
import type { Column, ModelSchema, QualityTracker, ReadRows } from '../../../watch/index.ts'
import { historyMax, type ModelTraffic, type RevisionReport, type Share } from '../traffic/contract.ts'
import { chooseRevision, positionOf, sharesOf } from '../traffic/index.ts'
import type { ModelsConfig } from './config.ts'
import type { Route, ServedModel, ServedRevision } from './contract.ts'
import { digestOf } from './digest.ts'
import { modelErrors } from './errors.ts'
import { modelFamilies as families } from './families.ts'
import { newestRevision } from './model-folder.ts'
import { readRevision } from './model-package.ts'
import { type PreparedRevision, prepareRevision, type RevisionDeps } from './prepared-revision.ts'
import { QualityTrackers } from './quality-trackers.ts'
import { enterService, type LiveRevision } from './served-revision.ts'
import { createShadow, type Shadow } from './shadow.ts'

export interface ModelDeps extends RevisionDeps {
  /** Who this process is, for the reports: `host:pid`. */
  readonly process: string
  /** Something the operator should know: a revision that came, went, or could not be loaded. */
  onNote(note: { readonly model: string; readonly revision: string; readonly failed: boolean; readonly text: string }): void
}

const PERCENT = 100
/** How long a revision that only tasks asked for stays loaded after the last of them, and its metrics after it left. */
const LINGER_MS = 300_000

/** What the traffic wants of a model, resolved to revisions. */
interface Target {
  readonly shares: readonly Share[]
  readonly tags: Readonly<Record<string, string>>
  readonly shadow: ModelTraffic['shadow']
  readonly generation: number
}

/**
 * A model with its revisions in service, following the traffic: what is wanted and not there is loaded beside what serves; when all of a split
 * is ready, requests are sent by it from one moment to the next; what nobody is sent to any more ends when its last request has.
 */
export class LiveModel implements ServedModel {
  readonly schema: ModelSchema
  readonly #dir: string
  readonly #config: ModelsConfig
  readonly #deps: ModelDeps
  readonly #live = new Map<string, LiveRevision>()
  readonly #left = new Map<string, LiveRevision>()
  readonly #loading = new Map<string, Promise<LiveRevision>>()
  /** Revisions that tasks asked for, and when they did last: they stay a while, for where one task was there are others. */
  readonly #lingering = new Map<string, number>()
  readonly #reports = new Map<string, RevisionReport>()
  #target: Target = { shares: [], tags: {}, shadow: undefined, generation: 0 }
  /** Where all traffic goes, when it all goes to one. */
  #only: LiveRevision | undefined
  #generation = 0
  #isClosed = false
  #tags: ReadonlyMap<string, LiveRevision> = new Map()
  #tagMetrics: Registry | undefined
  #shadow: { readonly traffic: Shadow; readonly live: LiveRevision; readonly ratio: number } | undefined
  #following: Promise<void> = Promise.resolve()
  readonly #retiring = new Set<Promise<void>>()
  readonly #trackers: QualityTrackers

  constructor(dir: string, schema: ModelSchema, config: ModelsConfig, deps: ModelDeps) {
    this.#dir = dir
    this.schema = schema
    this.#config = config
    this.#deps = deps
    const { predictions_remembered_max: predictionsMax, revisions_max: leftMax } = config
    this.#trackers = new QualityTrackers(schema, deps.registry, { predictionsMax, leftMax })
  }

  /** Says what this process has made of the traffic. */
  get reports(): readonly RevisionReport[] {
    return [...this.#reports.values()]
  }

  /**
   * Brings the model into service, as the traffic was left: when a revision of its split cannot be loaded, as the split before it was, and so on.
   * @throws why the split as it is could not be served, when none before it can either.
   */
  async start(traffic: ModelTraffic | undefined): Promise<void> {
    const splits = traffic === undefined ? [] : [traffic.split, ...traffic.history].slice(0, historyMax)
    const fault = await this.#follow(await this.#toTarget(traffic)).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (fault === undefined) return
    for (const split of splits.slice(1).filter(({ undone }) => undone !== true)) {
      const target: Target = { ...(await this.#toTarget(traffic)), shares: sharesOf(split) }
      if (
        await this.#follow(target).then(
          () => true,
          () => false,
        )
      )
        return
    }
    throw fault.error
  }

  /** Follows a change of the traffic. What cannot be loaded leaves what serves as it is, and is told of. Calls take turns. */
  follow(traffic: ModelTraffic | undefined): Promise<void> {
    this.#following = this.#following.then(async () => {
      if (this.#isClosed) return
      try {
        await this.#follow(await this.#toTarget(traffic))
      } catch {
        // Told where it happened, revision by revision; what served goes on serving.
      }
    })
    return this.#following
  }

  /** Loads revisions anew whose model file has changed under their name, and exchanges them for those in service. A failure is told, and the old one stays. */
  refresh(): Promise<void> {
    this.#following = this.#following.then(async () => {
      if (this.#isClosed) return
      for (const { revision, digest } of [...this.#live.values()]) {
        const isSame = await readRevision({ dir: this.#dir, schema: this.schema, revision }, this.#deps.runtimes)
          .then(({ modelPath }) => digestOf(modelPath))
          .then(
            (now) => now === digest,
            () => true, // Gone, or half written: what serves stays.
          )
        if (isSame) continue
        await this.#load(revision).catch(() => {}) // Told where it happened.
      }
    })
    return this.#following
  }

  choose(route: Route): ServedRevision {
    if (route.revision !== undefined) return this.#named(route.revision)
    if (route.tag !== undefined) return this.#tagged(route.tag)
    if (this.#only !== undefined) return this.#only
    const position = route.key === undefined ? Math.random() * PERCENT : positionOf(`${this.schema.name} ${route.key}`)
    return this.#live.get(chooseRevision(this.#target.shares, position))!
  }

  async revision(name: string): Promise<ServedRevision> {
    this.#lingering.set(name, this.#deps.clock.now())
    try {
      return this.#live.get(name) ?? (await this.#loadOnce(name))
    } catch (error) {
      this.#lingering.delete(name)
      throw error
    }
  }

  /** Not of the prototype, for who describes a model takes it apart: `({ schema, revisions })`. */
  readonly revisions = (): ReturnType<ServedModel['revisions']> => {
    const percents = new Map(this.#target.shares.map(({ revision, percent }) => [revision, percent]))
    return [...this.#live.values()].map((served) => ({
      served,
      percent: percents.get(served.revision) ?? 0,
      tags: [...this.#tags].filter(([, tagged]) => tagged === served).map(([tag]) => tag),
    }))
  }

  trackerOf(predictionId: string): QualityTracker | undefined {
    return this.#trackers.find(predictionId)
  }

  mirror(read: ReadRows, answered: readonly Column[], by: ServedRevision): void {
    // Asked by its tag or its name, the shadow would agree with itself, and see the rows twice.
    if (this.#shadow !== undefined && this.#shadow.live !== by) this.#shadow.traffic.offer(read, answered)
  }

  /** Unloads what has not been asked for in a while. */
  async sweep(): Promise<void> {
    const nowMs = this.#deps.clock.now()
    for (const [name, askedMs] of this.#lingering) if (askedMs < nowMs - LINGER_MS) this.#lingering.delete(name)
    this.#retireUnwanted()
    this.#trackers.sweep(nowMs)
  }

  async close(): Promise<void> {
    this.#isClosed = true // First: what is followed from now on would load what nobody unloads.
    await this.#following
    await Promise.allSettled(this.#loading.values())
    this.#lingering.clear()
    this.#route({ ...this.#target, shares: [], tags: {}, shadow: undefined })
    this.#retireUnwanted()
    await Promise.all(this.#retiring)
  }

  #named(revision: string): LiveRevision {
    const live = this.#live.get(revision)
    if (live !== undefined) return live
    throw modelErrors.MW_REVISION_UNKNOWN(
      `${this.schema.name} has no revision ${revision.slice(0, 64)} in service; there is ${[...this.#live.keys()].join(', ')}`,
    )
  }

  #tagged(tag: string): LiveRevision {
    const live = this.#tags.get(tag)
    if (live !== undefined) return live
    const tags = [...this.#tags.keys()]
    throw modelErrors.MW_TAG_UNKNOWN(
      `${this.schema.name} has no tag ${tag.slice(0, 64)}; ${tags.length === 0 ? 'it has none' : `there is ${tags.join(', ')}`}`,
    )
  }

  /** Without an entry, the newest folder gets everything: the one that was newest at the start, unless new ones shall be taken over unasked. */
  async #toTarget(traffic: ModelTraffic | undefined): Promise<Target> {
    if (traffic === undefined) {
      if (this.#target.shares.length > 0 && !this.#config.reload) return this.#target
      const newest = await newestRevision(this.#dir)
      return { shares: [{ revision: newest, percent: 100 }], tags: {}, shadow: undefined, generation: 0 }
    }
    const { split, tags, shadow, generation } = traffic
    return { shares: sharesOf(split), tags, shadow, generation }
  }

  /** @throws the first reason why a revision of the split cannot serve; tags and shadow that fail are told of, and left out. */
  async #follow(target: Target): Promise<void> {
    const split = target.shares.map(({ revision }) => revision)
    const others = [...Object.values(target.tags), ...(target.shadow === undefined ? [] : [target.shadow.revision])]
    const wanted = [...new Set([...split, ...others])]
    this.#generation = target.generation
    for (const name of this.#reports.keys()) if (!wanted.includes(name)) this.#reports.delete(name)
    const loaded = await Promise.allSettled(wanted.map((name) => this.#loadOnce(name)))
    const fault = loaded.find((one, i) => one.status === 'rejected' && split.includes(wanted[i]!))
    if (fault !== undefined) throw (fault as PromiseRejectedResult).reason
    this.#route(target)
    this.#retireUnwanted()
  }

  /** From this moment requests go by the target, as far as its revisions are in service. */
  #route(target: Target): void {
    const { shares, tags, shadow } = target
    this.#target = target
    this.#only = shares.length === 1 ? this.#live.get(shares[0]!.revision) : undefined
    this.#tags = new Map(
      Object.entries(tags).flatMap(([tag, name]) => (this.#live.has(name) ? [[tag, this.#live.get(name)!] as const] : [])),
    )
    this.#tagMetrics?.remove()
    this.#tagMetrics = this.#deps.registry.part()
    for (const [tag, { revision }] of this.#tags)
      this.#tagMetrics.gauge(families.tagInfo, { model: this.schema.name, revision, tag }).set(1)
    const live = shadow === undefined ? undefined : this.#live.get(shadow.revision)
    if (this.#shadow?.live !== live || this.#shadow?.ratio !== shadow?.ratio) {
      this.#shadow?.traffic.forget()
      this.#shadow =
        live === undefined ? undefined : { live, ratio: shadow!.ratio, traffic: createShadow(live, shadow!.ratio, this.#deps.registry) }
    }
    for (const [name, { setTrafficRatio }] of this.#live) {
      setTrafficRatio((shares.find(({ revision }) => revision === name)?.percent ?? 0) / PERCENT)
    }
  }

  /** One load at a time for each revision, whoever asks. @returns the one in service, when it is there already. */
  #loadOnce(name: string): Promise<LiveRevision> {
    const live = this.#live.get(name)
    if (live !== undefined) {
      this.#report(name, 'ready')
      return Promise.resolve(live)
    }
    if (this.#isClosed) return Promise.reject(modelErrors.MW_GATEWAY_STOPPING(`${this.schema.name} is being taken out of service`))
    let loading = this.#loading.get(name)
    if (loading === undefined) {
      const inMemory = this.#live.size + this.#loading.size
      if (inMemory >= this.#config.revisions_max) {
        const full = `${inMemory} revisions of ${this.schema.name} are loaded; at most ${this.#config.revisions_max} may be`
        this.#report(name, 'failed', full)
        return Promise.reject(modelErrors.MW_REVISIONS_FULL(full))
      }
      loading = this.#load(name).finally(() => this.#loading.delete(name))
      this.#loading.set(name, loading)
    }
    return loading
  }

  /** Loads a revision and puts it into service, in the place of one of its name. */
  async #load(name: string): Promise<LiveRevision> {
    const model = this.schema.name
    this.#report(name, 'loading')
    try {
      const found = await readRevision({ dir: this.#dir, schema: this.schema, revision: name }, this.#deps.runtimes)
      const prepared = await prepareRevision(found, this.#deps)
      this.#left.get(name)?.forget()
      this.#left.delete(name)
      const before = this.#live.get(name)
      before?.forget()
      const live = await this.#enter(prepared)
      this.#live.set(name, live)
      if (before !== undefined) {
        this.#route(this.#target) // In the same turn, or a request in between would be sent to the one that goes.
        this.#retire(before)
      }
      this.#report(name, 'ready')
      this.#deps.onNote({ model, revision: name, failed: false, text: `serves ${model}, revision ${name}` })
      if (!live.watched) {
        const text = `${model}, revision ${name}, has no reference.json: its drift is not watched; make one with "modelwatch profile"`
        this.#deps.onNote({ model, revision: name, failed: true, text })
      }
      return live
    } catch (error) {
      this.#report(name, 'failed', messageOf(error))
      this.#deps.onNote({ model, revision: name, failed: true, text: `${model}, revision ${name}, cannot serve: ${messageOf(error)}` })
      throw error
    }
  }

  async #enter(prepared: PreparedRevision): Promise<LiveRevision> {
    try {
      const quality = this.#trackers.enter(prepared.found.revision)
      return enterService(prepared, this.#config, { ...this.#deps, quality })
    } catch (error) {
      await prepared.loaded.unload().catch(() => {}) // As above: the first error is the one to tell.
      throw error
    }
  }

  #report(revision: string, state: RevisionReport['state'], reason?: string): void {
    const { process, clock } = this.#deps
    const generation = this.#generation
    this.#reports.set(revision, { model: this.schema.name, revision, process, state, reason, generation, timeMs: clock.now() })
  }

  #retireUnwanted(): void {
    const { shares, tags, shadow } = this.#target
    const wanted = new Set([...shares.map(({ revision }) => revision), ...Object.values(tags), ...this.#lingering.keys(), shadow?.revision])
    for (const [name, live] of this.#live) {
      if (wanted.has(name)) continue
      this.#live.delete(name)
      this.#left.get(name)?.forget()
      this.#left.set(name, live)
      this.#trackers.leave(name, this.#deps.clock.now())
      this.#retire(live)
      if (this.#isClosed) continue // Everything goes; that needs no word for each.
      this.#deps.onNote({
        model: this.schema.name,
        revision: name,
        failed: false,
        text: `${this.schema.name}, revision ${name}, is no longer served here`,
      })
    }
  }

  #retire(live: LiveRevision): void {
    const { revision } = live
    const model = this.schema.name
    const done = live
      .retire()
      .catch((error: unknown) => {
        // It is out of service all the same; what it could not let go of goes with the process.
        this.#deps.onNote({
          model,
          revision,
          failed: true,
          text: `${model}, revision ${revision}, could not be unloaded: ${messageOf(error)}`,
        })
      })
      .finally(() => this.#retiring.delete(done))
    this.#retiring.add(done)
    setTimeout(() => {
      if (this.#left.get(live.revision) !== live) return
      live.forget()
      this.#left.delete(live.revision)
    }, LINGER_MS).unref()
  }
}
