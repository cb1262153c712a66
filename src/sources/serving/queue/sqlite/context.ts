import type { DatabaseSync } from 'node:sqlite'
import type { Random } from '../../../../core/random.ts'
import type { Clock } from '../../../../core/time.ts'
import type { QueueOptions } from '../contract.ts'
import type { Effects } from './effects.ts'
import type { Lanes } from './lanes.ts'

/** What everything that reads or writes the tables shares. */
export interface Context {
  readonly database: DatabaseSync
  readonly lanes: Lanes
  readonly options: QueueOptions
  readonly clock: Clock
  readonly random: Random
  /** Of the transaction under way. */
  effects: Effects
}
