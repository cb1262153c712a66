import assert from 'node:assert/strict'
import { formatHead, formatSeries, formatValue } from './exposition.ts'
import type { CounterSpec, FamilySpec, GaugeSpec, HistogramSpec } from './families.ts'

export type LabelRecord<S extends FamilySpec> = Readonly<Record<S['labels'][number], string>>

export interface Counter {
  /** @param amount - ≥ 0; 1 when left out. */
  add(amount?: number): void
}

export interface Gauge {
  set(value: number): void
}

export interface Histogram {
  observe(value: number): void
}

/** Label sets refused because their family was full; the one metric about metrics. */
const droppedSpec = {
  kind: 'counter',
  name: 'modelwatch_metrics_label_sets_dropped_total',
  help: 'Label sets that were not recorded because their family held its limit already.',
  labels: ['family'],
  labelSetsMax: 1000,
} as const satisfies CounterSpec

/**
 * Holds the current value of every series of a process and renders them when scraped.
 * Recording is an array increment: look a handle up once, keep it, use it on the hot path.
 */
export class Registry {
  readonly #families: Map<string, FamilyState>
  readonly #dropped: FamilyState
  readonly #beforeRender: Set<() => void>
  /** What takes away again the series that were added through this very object. */
  readonly #undo: (() => void)[] = []
  #isRemoved = false

  /** @param whole - The registry that this one is a part of; left out, it is a whole of its own. */
  constructor(whole?: Registry) {
    this.#families = whole === undefined ? new Map() : whole.#families
    this.#dropped = whole === undefined ? new FamilyState(droppedSpec) : whole.#dropped
    this.#beforeRender = whole === undefined ? new Set() : whole.#beforeRender
  }

  /** A part of this registry, rendered with it, whose series can be taken away together when what they tell of is gone. */
  part(): Registry {
    return new Registry(this)
  }

  /** Takes away every series that was added through this part. Its handles, and those asked of it later, may still be written to; nobody sees it. */
  remove(): void {
    this.#isRemoved = true
    for (const undo of this.#undo.splice(0)) undo()
  }

  counter<S extends CounterSpec>(spec: S, labels: LabelRecord<S>): Counter {
    const cells = this.#cells(spec, [labels], 1)
    return {
      add(amount = 1) {
        cells[0]! += amount
      },
    }
  }

  gauge<S extends GaugeSpec>(spec: S, labels: LabelRecord<S>): Gauge {
    const cells = this.#cells(spec, [labels], 1)
    return {
      set(value) {
        cells[0] = value
      },
    }
  }

  /** A series whose value is asked for at each scrape: of a counter, its whole count so far. */
  read<S extends GaugeSpec | CounterSpec>(spec: S, labels: LabelRecord<S>, read: () => number): void {
    if (this.#isRemoved) return
    const cells = this.#cells(spec, [labels], 1)
    const { reads } = this.#state(spec)
    const refresh = () => {
      cells[0] = read()
    }
    reads.add(refresh)
    this.#undo.push(() => reads.delete(refresh))
  }

  /**
   * Cells of many label sets at once, all at 0 from now on.
   * @returns One cell per label set, in their order; add to them directly.
   */
  vector<S extends CounterSpec | GaugeSpec>(spec: S, labelSets: readonly LabelRecord<S>[]): Float64Array {
    return this.#cells(spec, labelSets, 1)
  }

  histogram<S extends HistogramSpec>(spec: S, labels: LabelRecord<S>): Histogram {
    const bounds = Float64Array.from(spec.buckets)
    // One count per bound, one for +Inf, then the sum: cumulated only when rendered.
    const cells = this.#cells(spec, [labels], bounds.length + 2)
    const sum = bounds.length + 1
    return {
      observe(value) {
        let i = 0
        while (i < bounds.length && value > bounds[i]!) i++
        cells[i]! += 1
        cells[sum]! += value
      },
    }
  }

  /** Has something done each time before the series are rendered: for who records in his own time. */
  beforeRender(run: () => void): void {
    if (this.#isRemoved) return
    this.#beforeRender.add(run)
    this.#undo.push(() => this.#beforeRender.delete(run))
  }

  /** Everything in the Prometheus text format 0.0.4, families in the order they were first used. */
  render(): string {
    for (const run of this.#beforeRender) run()
    let text = ''
    for (const family of this.#families.values()) text += family.render()
    if (this.#dropped.blocks.length > 0) text += this.#dropped.render()
    return text
  }

  #state(spec: FamilySpec): FamilyState {
    let state = this.#families.get(spec.name)
    if (state === undefined) {
      state = new FamilyState(spec)
      this.#families.set(spec.name, state)
    }
    assert.equal(state.spec, spec, `${spec.name} is declared twice`)
    return state
  }

  #cells<S extends FamilySpec>(spec: S, labelSets: readonly LabelRecord<S>[], width: number): Float64Array {
    const invisible = () => new Float64Array(labelSets.length * width) // Written to, never rendered.
    // Whoever comes late, a request that outlives its revision, would add a series that nobody takes away, or count for its successor.
    if (this.#isRemoved) return invisible()
    const state = this.#state(spec)
    const known = labelSets.length === 1 ? state.find(labelSets[0]!) : undefined
    if (known !== undefined) return known
    if (state.size + labelSets.length > spec.labelSetsMax) {
      const counted = this.#dropped.find({ family: spec.name }) ?? this.#dropped.add([{ family: spec.name }], 1)
      counted[0]! += labelSets.length
      return invisible()
    }
    if (labelSets.length > 0) this.#undo.push(() => state.remove(labelSets))
    return state.add(labelSets, width)
  }
}

interface Block {
  /** What stands before each value in the text, one per rendered line. */
  readonly prefixes: readonly string[]
  readonly cells: Float64Array
}

class FamilyState {
  readonly spec: FamilySpec
  readonly blocks: Block[] = []
  readonly reads = new Set<() => void>()
  size = 0
  readonly #byKey = new Map<string, Float64Array>()

  constructor(spec: FamilySpec) {
    this.spec = spec
  }

  find(labels: Readonly<Record<string, string>>): Float64Array | undefined {
    return this.#byKey.get(this.#key(labels))
  }

  add(labelSets: readonly Readonly<Record<string, string>>[], width: number): Float64Array {
    const cells = new Float64Array(labelSets.length * width)
    const prefixes: string[] = []
    for (const [i, labels] of labelSets.entries()) {
      const key = this.#key(labels)
      assert(!this.#byKey.has(key), `${this.spec.name}: ${key} is recorded twice`)
      this.#byKey.set(key, cells.subarray(i * width, (i + 1) * width))
      const pairs = this.spec.labels.map((name) => [name, labels[name] ?? ''] as const)
      if (this.spec.kind !== 'histogram') prefixes.push(`${formatSeries(this.spec.name, pairs)} `)
      else
        for (const le of [...this.spec.buckets.map(formatValue), '+Inf'])
          prefixes.push(`${formatSeries(`${this.spec.name}_bucket`, [...pairs, ['le', le]])} `)
      if (this.spec.kind === 'histogram')
        prefixes.push(`${formatSeries(`${this.spec.name}_sum`, pairs)} `, `${formatSeries(`${this.spec.name}_count`, pairs)} `)
    }
    this.blocks.push({ prefixes, cells })
    this.size += labelSets.length
    return cells
  }

  /** @param labelSets - As they were added, together. */
  remove(labelSets: readonly Readonly<Record<string, string>>[]): void {
    const first = this.#byKey.get(this.#key(labelSets[0]!))!
    const at = this.blocks.findIndex(({ cells }) => cells.buffer === first.buffer)
    this.blocks.splice(at, 1)
    for (const labels of labelSets) this.#byKey.delete(this.#key(labels))
    this.size -= labelSets.length
  }

  render(): string {
    for (const read of this.reads) read()
    let text = formatHead(this.spec.name, this.spec.kind, this.spec.help)
    for (const block of this.blocks) text += this.spec.kind === 'histogram' ? renderHistogram(block) : renderPlain(block)
    return text
  }

  #key(labels: Readonly<Record<string, string>>): string {
    return JSON.stringify(this.spec.labels.map((name) => labels[name] ?? ''))
  }
}

function renderPlain({ prefixes, cells }: Block): string {
  let text = ''
  for (let i = 0; i < prefixes.length; i++) text += `${prefixes[i]}${formatValue(cells[i]!)}\n`
  return text
}

/** A block holds one histogram: [bounds…, +Inf, sum] in cells, and one line more, the count, in prefixes. */
function renderHistogram({ prefixes, cells }: Block): string {
  let text = ''
  let count = 0
  const sum = cells.length - 1
  for (let i = 0; i < sum; i++) {
    count += cells[i]!
    text += `${prefixes[i]}${formatValue(count)}\n`
  }
  return `${text}${prefixes[sum]}${formatValue(cells[sum]!)}\n${prefixes[sum + 1]}${formatValue(count)}\n`
}
