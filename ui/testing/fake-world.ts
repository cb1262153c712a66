import type { Labels } from '../src/api.ts'

/** What is made up to have happened. Times are seconds since the world began. */
export interface Scenario {
  /** New York's weather comes in from here on; Infinity: never. */
  readonly driftAtS: number
  /** The gateway falls silent from here on. */
  readonly deadAtS: number
  readonly labels: boolean
  readonly models: readonly string[]
  /** What became of the tasks of weather; none were ever submitted unless said. */
  readonly tasks?: 'over' | 'flowing' | 'backlog' | 'dying'
  /** A second revision of weather, deployed half-way, and what it gets; there is none unless said. */
  readonly second?: 'tenth' | 'shadow' | 'rolled-back'
}

const well = { driftAtS: Number.POSITIVE_INFINITY, deadAtS: Number.POSITIVE_INFINITY, labels: true, models: ['weather'] } as const

export const scenarios = {
  healthy: { driftAtS: Number.POSITIVE_INFINITY, deadAtS: Number.POSITIVE_INFINITY, labels: true, models: ['weather'], tasks: 'over' },
  drifting: { driftAtS: 2700, deadAtS: Number.POSITIVE_INFINITY, labels: true, models: ['weather'] },
  pending: { driftAtS: 3480, deadAtS: Number.POSITIVE_INFINITY, labels: false, models: ['weather', 'churn'] },
  down: { driftAtS: Number.POSITIVE_INFINITY, deadAtS: 3300, labels: true, models: ['weather'] },
  canary: { ...well, tasks: 'backlog', second: 'tenth' },
  shadow: { ...well, tasks: 'flowing', second: 'shadow' },
  rollback: { ...well, tasks: 'dying', second: 'rolled-back' },
  many: { ...well, driftAtS: 2700, models: ['weather', ...Array.from({ length: 49 }, (_, i) => `recommender-${i + 1}`)] },
  empty: { driftAtS: Number.POSITIVE_INFINITY, deadAtS: 0, labels: false, models: [] },
} as const satisfies Record<string, Scenario>

interface FakeValue {
  readonly role: string
  readonly name: string
  readonly unit: string
  readonly type: string
  readonly bins: readonly string[]
  readonly reference: readonly number[]
  /** Shares once the drift is complete. */
  readonly drifted: readonly number[]
}

const intervals = (edges: readonly number[]) => edges.slice(1).map((to, i) => `[${edges[i]},${to}${i === edges.length - 2 ? ']' : ')'}`)
const numeric = (edges: readonly number[]) => [...intervals(edges), 'below', 'above', 'missing', 'nan', 'invalid']
const tenths = Array<number>(10).fill(0.1)

export const values: readonly FakeValue[] = [
  {
    role: 'input',
    name: 'precipitation',
    unit: 'mm',
    type: 'number',
    bins: numeric([0, 0.3, 1, 2.5, 5.6, 11.2, 55.9]),
    reference: [0.57, 0.09, 0.09, 0.09, 0.08, 0.08],
    drifted: [0.63, 0.05, 0.07, 0.08, 0.07, 0.1],
  },
  {
    role: 'input',
    name: 'temp_max',
    unit: '°C',
    type: 'number',
    bins: numeric([-1.6, 7.8, 10, 11.7, 13.3, 15.6, 17.8, 20.6, 23.9, 27.2, 35.6]),
    reference: tenths,
    drifted: [0.2, 0.08, 0.05, 0.05, 0.07, 0.08, 0.09, 0.12, 0.13, 0.12, 0, 0.01],
  },
  {
    role: 'input',
    name: 'temp_min',
    unit: '°C',
    type: 'number',
    bins: numeric([-7.1, 1.1, 3.3, 5, 6.7, 7.8, 9.4, 11.1, 12.8, 14.4, 18.3]),
    reference: tenths,
    drifted: [0.22, 0.09, 0.06, 0.05, 0.04, 0.05, 0.06, 0.06, 0.09, 0.12, 0.03, 0.13],
  },
  {
    role: 'input',
    name: 'wind',
    unit: 'm/s',
    type: 'number',
    bins: numeric([0.4, 1.6, 2, 2.3, 2.6, 2.9, 3.2, 3.7, 4.2, 5.1, 9.5]),
    reference: tenths,
    drifted: [0.01, 0.01, 0.02, 0.03, 0.05, 0.06, 0.11, 0.13, 0.17, 0.41, 0, 0.02],
  },
  {
    role: 'input',
    name: 'weather',
    unit: '',
    type: 'category',
    bins: ['rain', 'sun', 'fog', 'drizzle', 'snow', 'other', 'missing', 'invalid'],
    reference: [0.44, 0.43, 0.07, 0.04, 0.02],
    drifted: [0.37, 0.46, 0.08, 0.04, 0.05],
  },
  {
    role: 'input',
    name: 'day_of_year',
    unit: '',
    type: 'integer',
    bins: numeric([1, 37, 74, 110, 147, 183, 220, 256, 293, 329, 366]),
    reference: tenths,
    drifted: tenths,
  },
  {
    role: 'output',
    name: 'temp_max_tomorrow',
    unit: '°C',
    type: 'regression',
    bins: numeric([2.1, 8.4, 10.3, 12, 13.9, 15.9, 18, 20.5, 23.5, 26.4, 33.8]),
    reference: tenths,
    drifted: [0.17, 0.08, 0.06, 0.06, 0.07, 0.09, 0.1, 0.12, 0.12, 0.13],
  },
]

/** A number in [0, 1) that depends on its arguments alone, so that any moment can be asked for again. */
export function noise(seed: string, moment: number): number {
  let hash = 2166136261 ^ Math.floor(moment)
  for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 16777619)
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507)
  hash = Math.imul(hash ^ (hash >>> 13), 3266489909)
  return ((hash ^ (hash >>> 16)) >>> 0) / 4294967296
}

/** Noise that wanders instead of jumping: between two moments 20 s apart it is a straight line. */
export function wander(seed: string, s: number, everyS = 20): number {
  const at = Math.floor(s / everyS)
  const part = s / everyS - at
  return noise(seed, at) * (1 - part) + noise(seed, at + 1) * part
}

export interface World {
  readonly scenario: Scenario
  readonly beganS: number
}

/** How much of the drifted mixture the window ending at this moment holds; 0 to 1. */
export const driftRatio = ({ scenario, beganS }: World, s: number) => Math.min(1, Math.max(0, (s - beganS - scenario.driftAtS) / 60))

export const isAlive = ({ scenario, beganS }: World, s: number) => s >= beganS && s - beganS < scenario.deadAtS

/** Rows of the last minute. */
export function rowsOf(world: World, s: number): number {
  return Math.min(s - world.beganS, 60) * (23 + 4 * wander('rate', s))
}

export function binRowsOf(world: World, value: FakeValue, s: number): { bin: string; rows: number }[] {
  const rows = rowsOf(world, s)
  const ratio = driftRatio(world, s)
  return value.bins.map((bin, i) => {
    const share = (value.reference[i] ?? 0) * (1 - ratio) + (value.drifted[i] ?? 0) * ratio
    const spread = 2 * Math.sqrt(share * rows) * (wander(value.name + bin, s) - 0.5)
    return { bin, rows: Math.max(0, Math.round(share * rows + spread)) }
  })
}

export function psiOf(world: World, value: FakeValue, s: number): number {
  const bins = binRowsOf(world, value, s)
  const total = bins.reduce((sum, { rows }) => sum + rows, 0)
  return bins.reduce((sum, { rows }, i) => {
    const actual = Math.max(1e-4, rows / total)
    const expected = Math.max(1e-4, value.reference[i] ?? 0)
    return sum + (actual - expected) * Math.log(actual / expected)
  }, 0)
}

export type Vector = { labels: Labels; value: number }[]
