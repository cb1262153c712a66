import type { Registry } from '../../../instrument/index.ts'
import { createQualityTracker, type ModelSchema, type QualityTracker, qualityDefaults } from '../../../watch/index.ts'

interface Kept {
  readonly tracker: QualityTracker
  readonly registry: Registry
  /** When its revision left service; undefined while it serves. */
  leftMs: number | undefined
}

/**
 * The memory for labels of each revision of a model. It outlives the revision's service, and its being loaded anew, for a label may come as late as labels
 * may; so it is kept by name, and at most so many of those that have left.
 */
export class QualityTrackers {
  readonly #schema: ModelSchema
  readonly #registry: Registry
  readonly #limits: { readonly predictionsMax: number; readonly leftMax: number }
  readonly #kept = new Map<string, Kept>()

  constructor(schema: ModelSchema, registry: Registry, limits: { readonly predictionsMax: number; readonly leftMax: number }) {
    this.#schema = schema
    this.#registry = registry
    this.#limits = limits
  }

  /** The tracker of a revision that serves from now on: the one it had, or a new one. */
  enter(revision: string): QualityTracker {
    let kept = this.#kept.get(revision)
    if (kept === undefined) {
      const registry = this.#registry.part()
      const options = { ...qualityDefaults, predictionsMax: this.#limits.predictionsMax }
      kept = { registry, tracker: createQualityTracker(this.#schema, revision, registry, options), leftMs: undefined }
      this.#kept.set(revision, kept)
    }
    kept.leftMs = undefined
    return kept.tracker
  }

  /** The revision serves no more; its predictions are still remembered. */
  leave(revision: string, nowMs: number): void {
    const kept = this.#kept.get(revision)
    if (kept !== undefined) kept.leftMs = nowMs
    const left = [...this.#kept].filter(([, { leftMs }]) => leftMs !== undefined).sort(([, a], [, b]) => a.leftMs! - b.leftMs!)
    for (const [name] of left.slice(0, Math.max(0, left.length - this.#limits.leftMax))) this.#forget(name)
  }

  /** The tracker that made a prediction; undefined when none here did. */
  find(predictionId: string): QualityTracker | undefined {
    for (const { tracker } of this.#kept.values()) if (tracker.made(predictionId)) return tracker
    return undefined
  }

  /** Forgets what no label can be joined with any more. */
  sweep(nowMs: number): void {
    for (const [name, { leftMs }] of this.#kept) if (leftMs !== undefined && nowMs - leftMs > qualityDefaults.delayMsMax) this.#forget(name)
  }

  #forget(revision: string): void {
    this.#kept.get(revision)?.registry.remove()
    this.#kept.delete(revision)
  }
}
