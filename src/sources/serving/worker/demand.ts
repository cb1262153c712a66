import type { Claim, ClaimRequest } from '../queue/contract.ts'
import type { Lane } from './lane.ts'

/** What to ask the queue for. */
export interface Demanded extends Pick<ClaimRequest, 'queues'> {
  readonly suspectsMax: 0 | 1
  /** The news it is based on. */
  readonly asOf: number
}

/** What a claim brought. */
export interface Sorted {
  readonly run: readonly Claim[]
  /** To be released at once, and then told by `gaveBack`. */
  readonly giveBack: Claim | undefined
}

/**
 * The one place for a suspect that a worker has, over all its lanes.
 *
 *   free ─▶ reserved ─▶ taken ─▶ free
 *     └────────────────▶
 */
type Place =
  | { readonly kind: 'free' }
  /** A suspect of this lane came while it had other tasks, and was given back; it is asked for again when the lane is empty. */
  | { readonly kind: 'reserved'; readonly queue: string; readonly isBack: boolean }
  | { readonly kind: 'taken'; readonly queue: string }

/**
 * Decides what a worker asks the queue for: tasks for every lane that has room, and suspects, tasks whose worker died with them in hand, one at a time.
 *
 * A worker never holds two suspects, so that tasks which were in one process when it died are never again in one process: a poisonous task costs an
 * innocent one a single death, whatever the number of workers. And a suspect goes alone in its lane: poison of the same model that has not struck before
 * does not strike it either. Beside it other lanes go on, for one that hangs must not hold them up.
 *
 * Others have a turn after each suspect, so that many suspects hold nobody up; nor are they held up, for then a lane is emptied for the next one.
 */
export class Demand {
  readonly #lanes: ReadonlyMap<string, Lane>
  // A queue that had nothing is asked again when there is news, not each time that a task ends: an empty claim costs the queue as much as a full one.
  #news = 0
  readonly #noOthersAsOf = new Map<string, number>()
  readonly #noSuspectAsOf = new Map<string, number>()
  #place: Place = { kind: 'free' }
  #isTurnOfOthers = false

  /** @param lanes - By the name of their queue. */
  constructor(lanes: ReadonlyMap<string, Lane>) {
    this.#lanes = lanes
  }

  /** There may be tasks where there were none. */
  news(): void {
    this.#news++
  }

  /**
   * @param room - Tasks that can be taken, over all lanes.
   * @param nowMs - On the clock of the lanes.
   * @returns undefined when nothing is to be asked for until there is news, or room in a lane.
   */
  next(room: number, nowMs: number): Demanded | undefined {
    const place = this.#place
    const open = [...this.#lanes].flatMap(([queue, lane]) => {
      const rowsMax = this.#isOpen(queue, lane) ? lane.wanted(nowMs) : 0
      const tasksMax = Math.min(rowsMax, room)
      return tasksMax > 0 ? [{ queue, tasksMax, rowsMax }] : []
    })
    const emptied = open.filter(({ queue }) => place.kind === 'reserved' && queue === place.queue)
    if (emptied.length > 0) return { queues: emptied, suspectsMax: 1, asOf: this.#news }
    const hasOthers = ({ queue }: { readonly queue: string }) => this.#noOthersAsOf.get(queue) !== this.#news
    const hasSuspect = ({ queue }: { readonly queue: string }) => place.kind === 'free' && this.#noSuspectAsOf.get(queue) !== this.#news
    const others = open.filter(hasOthers)
    if (others.length > 0 && (this.#isTurnOfOthers || !open.some(hasSuspect))) return { queues: others, suspectsMax: 0, asOf: this.#news }
    if (!open.some(hasSuspect)) return undefined
    return { queues: open.filter((lane) => hasOthers(lane) || hasSuspect(lane)), suspectsMax: 1, asOf: this.#news }
  }

  /** Learns from what came, and says what is to become of it. */
  came({ queues, suspectsMax, asOf }: Demanded, claims: readonly Claim[]): Sorted {
    const suspect = claims.find(({ task }) => task.deaths > 0)
    for (const { queue } of queues) {
      if (suspectsMax === 1 && suspect === undefined) this.#noSuspectAsOf.set(queue, asOf)
      // The lane of a suspect gives nothing else.
      if (!claims.some(({ task }) => task.queue === queue)) this.#noOthersAsOf.set(queue, asOf)
    }
    if (suspectsMax === 0) {
      this.#isTurnOfOthers = false
      return { run: claims, giveBack: undefined }
    }
    this.#place = { kind: 'free' }
    if (suspect === undefined) return { run: claims, giveBack: undefined }
    const { queue } = suspect.task
    if (this.#lanes.get(queue)!.isEmpty) {
      this.#place = { kind: 'taken', queue }
      return { run: claims, giveBack: undefined }
    }
    // It is not kept until the lane is empty: whatever took the process along meanwhile would cost it a death.
    this.#place = { kind: 'reserved', queue, isBack: false }
    return { run: claims.filter((claim) => claim !== suspect), giveBack: suspect }
  }

  /** The suspect is released. */
  gaveBack(): void {
    if (this.#place.kind === 'reserved') this.#place = { ...this.#place, isBack: true }
  }

  /** The suspect that ran has ended. */
  suspectEnded(): void {
    this.#place = { kind: 'free' }
    this.#isTurnOfOthers = true
  }

  #isOpen(queue: string, lane: Lane): boolean {
    const place = this.#place
    if (place.kind === 'free' || place.queue !== queue) return true
    return place.kind === 'reserved' && place.isBack && lane.isEmpty
  }
}
