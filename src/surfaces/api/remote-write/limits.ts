/** Bounds of the remote-write receiver. */
export interface RemoteWriteLimits {
  /** Largest request as it comes over the wire. */
  readonly bodyBytesMax: number
  /** Largest request once it is unpacked. */
  readonly decodedBytesMax: number
  /** Requests that are read or written at once; further ones are sent away with 503. */
  readonly inFlightMax: number
  /** Bytes on the wire that are held at once; further requests are sent away with 503. */
  readonly inFlightBytesMax: number
  /** Longest time a request may take to arrive. */
  readonly bodyMsMax: number
  /** How far ahead of the clock a sample may be. */
  readonly aheadMsMax: number
  /** Series whose labels are remembered by the bytes they came in. */
  readonly cacheSeriesMax: number
  /** Bytes of labels remembered so. */
  readonly cacheBytesMax: number
}

const MIB = 1 << 20

export const remoteWriteLimits: RemoteWriteLimits = {
  bodyBytesMax: 32 * MIB,
  decodedBytesMax: 128 * MIB,
  inFlightMax: 64,
  inFlightBytesMax: 128 * MIB,
  bodyMsMax: 60_000,
  aheadMsMax: 10 * 60_000, // As Prometheus.
  cacheSeriesMax: 400_000,
  cacheBytesMax: 128 * MIB,
}
