import type { PlannedTask } from './plan.ts'

/** What one task's client knows. */
export interface Entry {
  readonly plan: PlannedTask
  /** What it was told, by 202. */
  taskId: string | undefined
  /** Every id it was told; it should be one. */
  readonly ids: Set<string>
  /** Submissions that may have been stored, though nobody said so. */
  unanswered: number
  /** It was told that the task is cancelled. */
  isCancelled: boolean
  /** What was read of the task when it was final, by one reader or another: it should be one text. */
  readonly texts: Set<string>
  /** What happened, in order. */
  readonly events: string[]
}

/** What the clients saw, and what was wrong with it. */
export class Ledger {
  readonly entries: Entry[] = []
  readonly faults: { readonly entry: Entry | undefined; readonly text: string }[] = []
  readonly #startMs = performance.now()
  /** Tasks that did nothing, and were in hand at three kills of ours: dead as poisonous, for nobody can tell. */
  unlucky = 0
  accepted = 0
  replayed = 0

  add(plan: PlannedTask): Entry {
    const entry: Entry = { plan, taskId: undefined, ids: new Set(), unanswered: 0, isCancelled: false, texts: new Set(), events: [] }
    this.entries.push(entry)
    return entry
  }

  note(entry: Entry, text: string): void {
    entry.events.push(`${this.#time()} ${text}`)
  }

  fault(entry: Entry | undefined, text: string): void {
    if (entry !== undefined) this.note(entry, `fault: ${text}`)
    this.faults.push({ entry, text })
  }

  /** What happened to the whole. */
  readonly timeline: string[] = []
  say(text: string): void {
    this.timeline.push(`${this.#time()} ${text}`)
  }

  #time(): string {
    return `${Math.round(performance.now() - this.#startMs)} ms`
  }
}
