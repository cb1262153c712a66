import type { Labels } from '../../../core/labels.ts'
import type { Appender, SeriesRef } from '../../../plane/store/contract.ts'
import type { WireColumns } from './columns.ts'

/** What an appender may offer beyond its contract: the samples of a series at once, values by their bits, staleness markers included. */
export interface ColumnAppender extends Appender {
  /**
   * Takes the first `length` samples of two columns, which are copied.
   * @param ref - As for `append`. @returns the series' handle, or 0 when the series was refused for lack of room.
   */
  appendColumns(ref: SeriesRef, labels: Labels, timesMs: Float64Array, values: Float64Array, length: number): SeriesRef
}

/** Hands the samples of one series over, at once where the appender can. @returns the series' handle. */
export function appendSamples(appender: Appender, ref: SeriesRef, labels: Labels, samples: WireColumns): SeriesRef {
  const { timesMs, values, length } = samples
  if ('appendColumns' in appender) return (appender as ColumnAppender).appendColumns(ref, labels, timesMs, values, length)
  let known = ref
  for (let i = 0; i < length; i++) {
    // The end of a series the appender has not seen says nothing.
    if (!samples.isStale(i)) known = appender.append(known, labels, timesMs[i]!, values[i]!)
    else if (known !== 0) appender.appendStale(known, timesMs[i]!)
  }
  return known
}
