import { type Labels, labelsKey, METRIC_NAME } from '../../../core/labels.ts'
import type { AggregateExpr } from '../language/ast.ts'
import { isMetadata } from './frame.ts'

/** Numbers the groups of an aggregation, in the order in which their first series come. */
export class Grouping {
  /** The labels of each group. */
  readonly labels: Labels[] = []
  readonly #names: readonly string[]
  readonly #without: boolean
  readonly #byKey = new Map<string, number>()
  /** By the first label's value, then the second's, and so on: no key has to be built from several. */
  readonly #root: Branch = new Map()

  constructor({ grouping, without }: Pick<AggregateExpr, 'grouping' | 'without'>) {
    this.#names = [...new Set(grouping)].sort((a, b) => (a < b ? -1 : 1))
    this.#without = without
  }

  /** Whether the groups are the same with the metric's name and without it. */
  get ignoresMetadata(): boolean {
    return !this.#without && !this.#names.some(isMetadata)
  }

  /** The number of the group a series belongs to, counted from 0. */
  groupOf(labels: Labels): number {
    return this.#without ? this.#byRest(labels) : this.#byValues(labels)
  }

  #byRest(labels: Labels): number {
    const rest = labels.filter(([name]) => name !== METRIC_NAME && !this.#names.includes(name))
    const key = labelsKey(rest)
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    this.#byKey.set(key, this.labels.length)
    return this.labels.push(rest) - 1
  }

  #byValues(labels: Labels): number {
    const names = this.#names
    let branch = this.#root
    for (let i = 0; i < names.length; i++) {
      const value = valueIn(labels, names[i]!)
      const next = branch.get(value)
      if (typeof next === 'number') return next
      if (next === undefined) return this.#plant(branch, i, labels)
      branch = next
    }
    if (this.labels.length === 0) this.labels.push([])
    return 0
  }

  #plant(from: Branch, depth: number, labels: Labels): number {
    let branch = from
    for (let i = depth; i < this.#names.length - 1; i++) {
      const next: Branch = new Map()
      branch.set(valueIn(labels, this.#names[i]!), next)
      branch = next
    }
    const group = this.labels.push(labels.filter(([name]) => this.#names.includes(name))) - 1
    branch.set(valueIn(labels, this.#names.at(-1)!), group)
    return group
  }
}

type Branch = Map<string, Branch | number>

function valueIn(labels: Labels, name: string): string {
  for (let i = 0; i < labels.length; i++) {
    const pair = labels[i]!
    if (pair[0] === name) return pair[1]
  }
  return ''
}
