/** Samples of one series as they came over the wire, values by their bits. Used again and again. */
export class WireColumns {
  timesMs = new Float64Array(64)
  values = new Float64Array(64)
  /** The values as halves, the low one first: both machines Node runs on are little-endian. */
  words = new Uint32Array(this.values.buffer)
  length = 0

  grow(): void {
    const timesMs = new Float64Array(this.timesMs.length * 2)
    timesMs.set(this.timesMs)
    const words = new Uint32Array(this.words.length * 2)
    words.set(this.words)
    this.timesMs = timesMs
    this.words = words
    this.values = new Float64Array(words.buffer)
  }
}
