import { isFinal, type QueueStats, type TaskState } from '../contract.ts'
import type { Background } from './background.ts'
import type { Claimer, ReapedTicket } from './claimer.ts'
import type { CallScript } from './commands.ts'
import type { Lanes } from './lanes.ts'
import type { Link } from './link.ts'

export interface UpkeepParts {
  readonly link: Link
  readonly call: CallScript
  readonly lanes: Lanes
  readonly claimer: Claimer
  readonly background: Background
  onError(error: unknown): void
}

/** Tasks that one script deletes, revives or lists. */
export const PIECE_MAX = 200

/** What people do with tasks by the thousand, and what has to be done now and then: all in small pieces. */
export class Upkeep {
  readonly #parts: UpkeepParts

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  /** Notes that the tickets of these tasks are in BullMQ. Nobody waits for it. */
  ticketed(ids: readonly string[]): void {
    if (ids.length === 0) return
    const { link, call, background } = this.#parts
    background.add(link.run(() => call('ticketed', ids)))
  }

  /** One round of what has to be done now and then, by whichever process comes first. */
  async care(): Promise<void> {
    const { call, claimer } = this.#parts
    const [reaped, missing] = (await call('care', [])) as unknown as [ReapedTicket[], MissingTicket[]]
    await claimer.settleReaped(reaped)
    await this.#addMissing(missing)
  }

  async stats(): Promise<QueueStats[]> {
    const { link, call } = this.#parts
    const answers = (await link.run(() => call('stats', []))) as [string, number, number, number, number, string | null][]
    return answers.map(([queue, waiting, active, delayed, dead, oldest]) => {
      return { queue, waiting, active, delayed, dead, oldestWaitingMs: oldest === null ? undefined : Number(oldest) }
    })
  }

  async retry(ids: readonly string[]): Promise<number> {
    const { link, call } = this.#parts
    let revived = 0
    for (let i = 0; i < ids.length; i += PIECE_MAX) {
      const piece = ids.slice(i, i + PIECE_MAX)
      const tickets = (await link.run(() => call('retry', piece))) as unknown as MissingTicket[]
      await this.#addMissing(tickets)
      revived += tickets.length
    }
    return revived
  }

  /** @param lane - undefined: all of them. */
  async retryAll(lane: string | undefined): Promise<number> {
    const { link, call } = this.#parts
    let revived = 0
    for (const { queue, dead } of await this.stats()) {
      if (lane !== undefined && queue !== lane) continue
      // No more than are dead now: one that dies again meanwhile is not begun for ever.
      for (let left = dead; left > 0; ) {
        const ids = (await link.run(() => call('ids', [queue, 'dead', Math.min(left, PIECE_MAX)]))) as string[]
        if (ids.length === 0) break
        left -= ids.length
        revived += await this.retry(ids)
      }
    }
    return revived
  }

  async purge(lane: string | undefined, states: readonly TaskState[]): Promise<number> {
    const { link, call, lanes, onError } = this.#parts
    const names = lane === undefined ? (await this.stats()).map(({ queue }) => queue) : [lane]
    let purged = 0
    for (const name of names) {
      for (const state of states) {
        for (let count = PIECE_MAX; count === PIECE_MAX; ) {
          const tickets = (await link.run(() => call('purge', [name, state, PIECE_MAX]))) as string[]
          count = tickets.length
          purged += count
          // One that stays is dropped when its turn comes.
          if (!isFinal(state)) await lanes.remove(tickets.map((ticket) => ({ lane: name, name: ticket }))).catch(onError)
        }
      }
    }
    return purged
  }

  async #addMissing(tickets: readonly MissingTicket[]): Promise<void> {
    const { link, lanes } = this.#parts
    await link.run(() =>
      lanes.add(tickets.map(([, lane, name, priority, waitMs]) => ({ lane, name, priority: Number(priority), waitMs: Number(waitMs) }))),
    )
    this.ticketed(tickets.map(([id]) => id))
  }
}

/** id, lane, ticket, priority, wait in ms. */
type MissingTicket = readonly [string, string, string, string | number, string | number]
