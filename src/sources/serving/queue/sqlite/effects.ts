import type { TaskOutcome } from '../contract.ts'

/** What a transaction means for those who wait, told once it is committed. */
export class Effects {
  /** Tasks whose state is another. */
  readonly changed: string[] = []
  readonly outcomes: [queue: string, outcome: TaskOutcome][] = []
  /** Tasks or webhooks may be taken now. */
  hasWork = false
  /** Anything that other processes would want to look at. */
  isNews = false

  change(id: string): void {
    this.changed.push(id)
    this.isNews = true
  }

  work(): void {
    this.hasWork = true
    this.isNews = true
  }

  outcome(queue: string, outcome: TaskOutcome): void {
    this.outcomes.push([queue, outcome])
  }
}
