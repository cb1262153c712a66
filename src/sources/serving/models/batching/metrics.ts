import { MS_PER_SECOND } from '../../../../core/time.ts'
import type { Histogram, Registry } from '../../../../instrument/index.ts'
import { modelFamilies } from '../families.ts'
import { batchingFamilies as families } from './families.ts'

/** Why a call was sent when it was; the help of `modelwatch_batches_total` explains them. */
export type DispatchReason = 'alone' | 'gathered' | 'full' | 'deadline' | 'drained' | 'retried'
/** Why a request never reached the model; the help of `modelwatch_predictions_shed_total` explains them. */
export type ShedReason = 'rows' | 'wait' | 'deadline' | 'expired' | 'cancelled'

/** Where metrics go: a registry, or what stands for one. */
export type MetricSink = Pick<Registry, 'counter' | 'gauge' | 'histogram' | 'read'>

export interface BatchState {
  rowsWaiting(): number
  expectedWaitMs(): number
  readonly cost: { readonly fixedMs: number; readonly rowMs: number }
}

/** The handles of one revision's batcher, looked up once. */
export function bindBatchMetrics(sink: MetricSink, of: { model: string; revision: string }, state: BatchState) {
  const phase = (name: string): Histogram => sink.histogram(modelFamilies.phaseDuration, { ...of, phase: name })
  const batches = (reason: DispatchReason) => sink.counter(modelFamilies.batches, { ...of, reason })
  const shed = (reason: ShedReason) => sink.counter(families.predictionsShed, { ...of, reason })
  sink.read(modelFamilies.rowsWaiting, of, () => state.rowsWaiting())
  sink.read(families.expectedWait, of, () => state.expectedWaitMs() / MS_PER_SECOND)
  sink.read(families.batchCost, { ...of, part: 'fixed' }, () => state.cost.fixedMs / MS_PER_SECOND)
  sink.read(families.batchCost, { ...of, part: 'row' }, () => state.cost.rowMs / MS_PER_SECOND)
  return {
    queue: phase('queue'),
    batch: phase('batch'),
    compute: phase('compute'),
    rows: sink.histogram(modelFamilies.batchRows, of),
    batches: {
      alone: batches('alone'),
      gathered: batches('gathered'),
      full: batches('full'),
      deadline: batches('deadline'),
      drained: batches('drained'),
      retried: batches('retried'),
    },
    shed: { rows: shed('rows'), wait: shed('wait'), deadline: shed('deadline'), expired: shed('expired'), cancelled: shed('cancelled') },
  }
}
