import { setImmediate } from 'node:timers/promises'
import { ModelwatchError } from '../../../core/errors.ts'
import { formatLabels, type Labels } from '../../../core/labels.ts'
import type { Clock } from '../../../core/time.ts'
import type { Appender, AppendOutcome, SeriesStore } from '../../../plane/store/contract.ts'
import { WriteRequestReader } from './decode.ts'
import { remoteWriteErrors } from './errors.ts'
import { type RemoteWriteLimits, remoteWriteLimits } from './limits.ts'
import { type KnownSeries, SeriesCache } from './series-cache.ts'
import { checkLabels } from './series-labels.ts'
import { SnappyDecoder } from './snappy.ts'

/** Samples that are decoded before others on the event loop get their turn, and that one commit takes: about 2 ms. */
const SLICE_SAMPLES = 20_000
/** Series that are decoded before the same: those never seen before cost more than their samples. */
const SLICE_SERIES = 2000

const refusals = ['outOfOrder', 'tooOld', 'duplicate', 'overLimit', 'tooFarAhead', 'invalidLabels', 'histogram'] as const
export type Refusal = (typeof refusals)[number]

const reasons: Readonly<Record<Refusal, string>> = {
  outOfOrder: 'out of order sample',
  tooOld: 'too old sample',
  duplicate: 'duplicate sample for timestamp',
  overLimit: 'no room for another series',
  tooFarAhead: 'out of bounds: timestamp is too far in the future',
  invalidLabels: 'invalid labels',
  histogram: 'native histograms are not supported',
}

export interface RemoteWriteStats {
  readonly samples: number
  readonly refused: Readonly<Record<Refusal, number>>
  readonly exemplarsDropped: number
  readonly cacheSeries: number
  readonly cacheEvictions: number
}

/** Takes requests of remote write 1.0. */
export interface RemoteWriteReceiver {
  /**
   * Stores what a request brings. Samples that are refused leave the others where they are.
   * @param body - A `prometheus.WriteRequest`, as a snappy block.
   * @throws MW_REMOTE_WRITE_BODY, MW_REMOTE_WRITE_TOO_LARGE; MW_REMOTE_WRITE_REFUSED, which names the first sample that was refused; and
   *   MW_STORE_READ_ONLY of the store.
   */
  receive(body: Uint8Array): Promise<void>
  stats(): RemoteWriteStats
}

export interface RemoteWriteDeps {
  readonly store: Pick<SeriesStore, 'appender' | 'setMetadata'>
  readonly clock: Clock
}

export function createRemoteWriteReceiver(config: Partial<RemoteWriteLimits>, { store, clock }: RemoteWriteDeps): RemoteWriteReceiver {
  const limits = { ...remoteWriteLimits, ...config }
  const snappy = new SnappyDecoder()
  const cache = new SeriesCache({ seriesMax: limits.cacheSeriesMax, bytesMax: limits.cacheBytesMax })
  /** The reader nobody uses at the moment; a request that comes while a long one rests makes its own. */
  let idle: WriteRequestReader | undefined = new WriteRequestReader()
  const totals = { samples: 0, exemplars: 0, refused: noRefusals() }

  return {
    async receive(body) {
      const unpacked = snappy.decode(body, limits.decodedBytesMax)
      const message = unpacked instanceof Promise ? await unpacked : unpacked
      const reader = idle ?? new WriteRequestReader()
      idle = undefined
      const write = new Write(reader, { cache, store, timeMsMax: clock.now() + limits.aheadMsMax })
      try {
        reader.begin(message)
        cache.begin()
        for (let slices = 1; !write.slice(); slices++) {
          // From here on the buffer must outlive this turn.
          if (slices === 1 && message === unpacked) snappy.take()
          await write.commit()
          await setImmediate()
          cache.begin()
        }
      } catch (error) {
        write.rollback()
        throw error
      } finally {
        reader.begin(new Uint8Array(0))
        idle = reader
        totals.exemplars += write.exemplars
      }
      try {
        await write.commit()
      } finally {
        totals.samples += write.appended
        for (const reason of refusals) totals.refused[reason] += write.refused[reason]
      }
      if (write.first !== undefined) throw remoteWriteErrors.MW_REMOTE_WRITE_REFUSED(write.explain())
    },
    stats: () => ({
      samples: totals.samples,
      refused: { ...totals.refused },
      exemplarsDropped: totals.exemplars,
      cacheSeries: cache.size,
      cacheEvictions: cache.evictions,
    }),
  }
}

function noRefusals(): Record<Refusal, number> {
  return { outOfOrder: 0, tooOld: 0, duplicate: 0, overLimit: 0, tooFarAhead: 0, invalidLabels: 0, histogram: 0 }
}

interface WriteContext {
  readonly cache: SeriesCache
  readonly store: RemoteWriteDeps['store']
  /** Samples later than this are refused. */
  readonly timeMsMax: number
}

/** One request on its way into the store. */
class Write {
  readonly refused = noRefusals()
  appended = 0
  exemplars = 0
  /** The first thing refused, as a sentence. */
  first: string | undefined
  readonly #reader: WriteRequestReader
  readonly #context: WriteContext
  #appender: Appender | undefined

  constructor(reader: WriteRequestReader, context: WriteContext) {
    this.#reader = reader
    this.#context = context
  }

  /** Decodes a few milliseconds' worth into the appender. @returns whether that was the last of it. */
  slice(): boolean {
    const reader = this.#reader
    const { cache, store } = this.#context
    let samples = 0
    for (let series = 0; series < SLICE_SERIES && samples < SLICE_SAMPLES; series++) {
      const part = reader.next()
      if (part === 'end') return true
      if (part === 'metadata') {
        if (reader.metric !== '') store.setMetadata(reader.metric, reader.metadata)
        continue
      }
      this.exemplars += reader.exemplars
      const known = cache.find(reader, reader.labelsFrom, reader.labelsTo) ?? this.#learn()
      if (known === undefined) continue
      if (reader.histograms > 0) this.#refuse('histogram', reader.histograms, () => formatLabels(known.labels))
      this.#dropTooFarAhead(known.labels)
      samples += reader.samples.length
      this.#appender ??= store.appender()
      this.#append(this.#appender, known)
    }
    return false
  }

  #append(appender: Appender, known: KnownSeries): void {
    const { timesMs, values, length } = this.#reader.samples
    try {
      known.ref = appender.appendColumns(known.ref, known.labels, timesMs, values, length)
    } catch (error) {
      if (!(error instanceof ModelwatchError && error.code === 'MW_STORE_LABELS_TOO_LONG')) throw error
      this.#refuse('invalidLabels', length, () => error.message)
    }
  }

  /** Makes what was gathered visible. @throws MW_STORE_READ_ONLY */
  async commit(): Promise<void> {
    const appender = this.#appender
    if (appender === undefined) return
    this.#appender = undefined
    this.#count(await appender.commit())
  }

  rollback(): void {
    this.#appender?.rollback()
    this.#appender = undefined
  }

  /** What was refused, and why: the first by name, the rest by number. */
  explain(): string {
    const counted = refusals.filter((reason) => this.refused[reason] > 0).map((reason) => `${this.refused[reason]} for ${reasons[reason]}`)
    return `${this.first}; refused in this request: ${counted.join(', ')}; ${this.appended} samples were taken`
  }

  /** Reads and checks the labels of a series that is not known. */
  #learn(): KnownSeries | undefined {
    const reader = this.#reader
    const pairs = reader.readLabels()
    const labels = pairs === undefined ? 'labels are not valid UTF-8' : checkLabels(pairs)
    if (typeof labels !== 'string') return this.#context.cache.add(reader, reader.labelsFrom, reader.labelsTo, labels)
    const count = Math.max(1, reader.samples.length + reader.histograms)
    this.#refuse('invalidLabels', count, () => `${labels}${pairs === undefined ? '' : `, in ${showPairs(pairs)}`}`)
    return undefined
  }

  /** Times are milliseconds that a double holds exactly; the wire knows larger ones. */
  #dropTooFarAhead(labels: Labels): void {
    const { timesMs, words, length } = this.#reader.samples
    const { timeMsMax } = this.#context
    let kept = 0
    for (let i = 0; i < length; i++) {
      const timeMs = timesMs[i]!
      if (timeMs <= timeMsMax && timeMs >= Number.MIN_SAFE_INTEGER) {
        if (kept !== i) {
          timesMs[kept] = timeMs
          words[2 * kept] = words[2 * i]!
          words[2 * kept + 1] = words[2 * i + 1]!
        }
        kept++
      } else this.#refuse(timeMs > 0 ? 'tooFarAhead' : 'tooOld', 1, () => `${formatLabels(labels)} at ${showTime(timeMs)}`)
    }
    this.#reader.samples.length = kept
  }

  #refuse(reason: Refusal, count: number, describe: () => string): void {
    this.refused[reason] += count
    this.first ??= `${reasons[reason]}: ${describe()}`
  }

  #count(outcome: AppendOutcome): void {
    this.appended += outcome.appended
    for (const reason of ['outOfOrder', 'tooOld', 'duplicate', 'overLimit'] as const) this.refused[reason] += outcome[reason]
    const { firstRefused } = outcome
    if (firstRefused === undefined) return
    this.first ??= `${reasons[firstRefused.reason]}: ${formatLabels(firstRefused.labels)} at ${showTime(firstRefused.timeMs)}`
  }
}

/** Labels that are not in order, as they came, or as much of them as fits a message. */
function showPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  const shown = `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`
  return shown.length > 1000 ? `${shown.slice(0, 1000)}…` : shown
}

/** A time for a person and for a program. */
function showTime(timeMs: number): string {
  return Math.abs(timeMs) <= 8.64e15 ? `${new Date(timeMs).toISOString()} (${timeMs})` : `${timeMs}`
}
