import type { QueueOptions } from './contract.ts'
import { attemptsConformance } from './testing/attempts.ts'
import { beingToldConformance } from './testing/being-told.ts'
import { cancelConformance } from './testing/cancel.ts'
import { createKit, type QueueFixture } from './testing/kit.ts'
import { openCloseConformance } from './testing/open-close.ts'
import { orderConformance } from './testing/order.ts'
import { sameRequestConformance } from './testing/same-request.ts'
import { suspectsConformance } from './testing/suspects.ts'
import { upkeepConformance } from './testing/upkeep.ts'
import { wayConformance } from './testing/way.ts'
import { webhooksConformance } from './testing/webhooks.ts'

export { FakeClock, testFailure, testQueueOptions, testTask } from './test-task.ts'
export type { QueueFixture } from './testing/kit.ts'

/**
 * What every implementation of the queue must do.
 * @param open - Opens an empty queue of its own.
 */
export function queueConformance(name: string, open: (options: QueueOptions) => Promise<QueueFixture>): void {
  const kit = createKit(name, open)
  wayConformance(kit)
  sameRequestConformance(kit)
  orderConformance(kit)
  suspectsConformance(kit)
  attemptsConformance(kit)
  cancelConformance(kit)
  beingToldConformance(kit)
  webhooksConformance(kit)
  upkeepConformance(kit)
  openCloseConformance(kit)
}
