import { MS_PER_SECOND } from '../core/time.ts'
import type { Registry } from '../instrument/index.ts'
import type { Column } from './columns.ts'
import { watchFamilies as families } from './families.ts'
import { createPredictionIds, ID_LENGTH } from './prediction-ids.ts'
import { isJudged, type ModelSchema } from './schema.ts'

/** What became of a label. `duplicate`: that prediction has one already, and the first stays. `orphan`: no prediction of that id is remembered. */
export type LabelOutcome = 'matched' | 'late' | 'orphan' | 'duplicate'
const outcomes: readonly LabelOutcome[] = ['matched', 'late', 'orphan', 'duplicate']

/** Characters of a prediction's id. */
export const PREDICTION_ID_LENGTH = ID_LENGTH

export interface QualityOptions {
  /** Predictions remembered while they wait for their labels; the oldest is forgotten first. */
  readonly predictionsMax: number
  /** Labels that come later than this after their prediction are late: counted, not joined. */
  readonly delayMsMax: number
}

export const qualityDefaults: QualityOptions = { predictionsMax: 50_000, delayMsMax: 86_400_000 }

/** Joins labels to predictions of one revision and sums their errors. */
export interface QualityTracker {
  /**
   * Remembers one prediction.
   * @param outputs - By output, in the schema's order; regressions of one number a row are judged.
   * @param row - Which of the rows.
   * @returns the prediction's id, a UUID.
   */
  predicted(outputs: readonly Column[], row: number, timeMs: number): string
  /** Remembers all rows of an answer, as `predicted` does each. @returns their ids in one text, each with a comma behind it; see `PREDICTION_ID_LENGTH`. */
  predictedRows(outputs: readonly Column[], rows: number, timeMs: number): string
  /** Whether an id is of a prediction that this tracker was told of, remembered or not. */
  made(predictionId: string): boolean
  /** @param actual - Truth by output name; outputs without one stay unjudged. */
  labelled(predictionId: string, actual: ReadonlyMap<string, number>, timeMs: number): LabelOutcome
}

/**
 * Remembers predictions in a ring of fixed size, so memory is bounded whatever the traffic. The id itself says where in the ring its prediction
 * stands: nothing is kept per id that a garbage collector would have to look at. The ring lives in memory: a label that comes after a restart is an orphan.
 */
export function createQualityTracker(
  schema: ModelSchema,
  revision: string,
  registry: Registry,
  options: QualityOptions = qualityDefaults,
): QualityTracker {
  const model = schema.name
  const judged = schema.outputs.flatMap((output, index) => (isJudged(output) ? [{ name: output.name, index }] : []))
  const width = judged.length
  const ids = createPredictionIds()
  const sequences = new Float64Array(options.predictionsMax).fill(-1)
  const nonces = new Uint32Array(options.predictionsMax)
  const times = new Float64Array(options.predictionsMax)
  const values = new Float64Array(options.predictionsMax * width)
  const labelled = new Uint8Array(options.predictionsMax)
  let count = 0

  const counted = Object.fromEntries(
    outcomes.map((outcome) => [outcome, registry.counter(families.labels, { model, revision, outcome })]),
  ) as Record<LabelOutcome, { add(): void }>
  const delay = registry.histogram(families.labelDelay, { model, revision })
  const sums = judged.map(({ name }) => ({
    absolute: registry.counter(families.errorAbsolute, { model, revision, name }),
    squared: registry.counter(families.errorSquared, { model, revision, name }),
    over: registry.counter(families.errorOver, { model, revision, name }),
    under: registry.counter(families.errorUnder, { model, revision, name }),
  }))

  const join = (predictionId: string, actual: ReadonlyMap<string, number>, timeMs: number): LabelOutcome => {
    const key = ids.parse(predictionId)
    if (key === undefined) return 'orphan'
    const slot = key.sequence % options.predictionsMax
    if (sequences[slot] !== key.sequence || nonces[slot] !== key.nonce) return 'orphan'
    if (labelled[slot] === 1) return 'duplicate'
    const delayMs = timeMs - times[slot]!
    if (delayMs > options.delayMsMax) return 'late'
    labelled[slot] = 1
    delay.observe(Math.max(0, delayMs) / MS_PER_SECOND)
    for (const [o, { name }] of judged.entries()) {
      const error = values[slot * width + o]! - (actual.get(name) ?? Number.NaN)
      if (!Number.isFinite(error)) continue
      sums[o]!.absolute.add(Math.abs(error))
      sums[o]!.squared.add(error * error)
      if (error > 0) sums[o]!.over.add(error)
      else sums[o]!.under.add(-error)
    }
    return 'matched'
  }

  const remember = (outputs: readonly Column[], row: number, timeMs: number, nonce: number): number => {
    const sequence = count++
    const slot = sequence % options.predictionsMax
    sequences[slot] = sequence
    nonces[slot] = nonce
    times[slot] = timeMs
    labelled[slot] = 0
    for (let o = 0; o < width; o++) values[slot * width + o] = (outputs[judged[o]!.index] as Float64Array)[row]!
    return sequence
  }

  return {
    predicted(outputs, row, timeMs) {
      const nonce = ids.nonce()
      return ids.format({ sequence: remember(outputs, row, timeMs, nonce), nonce })
    },
    predictedRows(outputs, rows, timeMs) {
      const own = new Uint32Array(rows)
      const first = count
      for (let r = 0; r < rows; r++) {
        own[r] = ids.nonce()
        remember(outputs, r, timeMs, own[r]!)
      }
      return ids.formatMany(first, own)
    },
    made: (predictionId) => ids.parse(predictionId) !== undefined,
    labelled(predictionId, actual, timeMs) {
      const outcome = join(predictionId, actual, timeMs)
      counted[outcome].add()
      return outcome
    },
  }
}
