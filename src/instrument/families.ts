/** Base units of the Prometheus world; `none` for plain counts and numbers. */
export type Unit = 'seconds' | 'bytes' | 'ratio' | 'none'

interface FamilyBase {
  readonly help: string
  readonly labels: readonly string[]
  /** Label sets this family may hold. Past it, new ones are dropped, and counted. */
  readonly labelSetsMax: number
}

/** The name of a family in a unit: another suffix does not compile. */
type NameIn<U extends Unit> = U extends 'none' ? string : `${string}_${U}`

export interface CounterSpec extends FamilyBase {
  readonly kind: 'counter'
  readonly name: `${string}_total`
}

type GaugeIn<U extends Unit> = FamilyBase & { readonly kind: 'gauge'; readonly unit: U; readonly name: NameIn<U> }
export type GaugeSpec = { [U in Unit]: GaugeIn<U> }[Unit]

type HistogramIn<U extends Unit> = FamilyBase & {
  readonly kind: 'histogram'
  readonly unit: U
  readonly name: NameIn<U>
  /** Upper bounds, inclusive, rising; +Inf is added. */
  readonly buckets: readonly number[]
}
export type HistogramSpec = { [U in Unit]: HistogramIn<U> }[Unit]

export type FamilySpec = CounterSpec | GaugeSpec | HistogramSpec

/** Declares families: data, bound to a registry by whoever starts the room. */
export function defineFamilies<const T extends Readonly<Record<string, FamilySpec>>>(families: T): T {
  return families
}

/** From half a millisecond to ten seconds, dense where a prediction usually lands. */
export const latencyBucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const
