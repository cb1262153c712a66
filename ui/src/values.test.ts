import { expect, test } from 'vitest'
import type { Alert } from './api.ts'
import { defaultGates, driftStart, judge, type ValueState, worstFirst } from './values.ts'

test.for([
  { why: 'far, beyond chance, many rows', psi: 0.5, psiZ: 9, rows: 900, want: 'drifting' },
  { why: 'just over all gates', psi: 0.2001, psiZ: 3.701, rows: 200, want: 'drifting' },
  { why: 'on the gate is not above it', psi: 0.2, psiZ: 90, rows: 900, want: 'steady' },
  { why: 'on the gate of chance', psi: 0.5, psiZ: 3.7, rows: 900, want: 'unsure' },
  { why: 'far, but chance may do that', psi: 0.5, psiZ: 1, rows: 900, want: 'unsure' },
  { why: 'near, however sure', psi: 0.19, psiZ: 90, rows: 9e6, want: 'steady' },
  { why: 'far, but from a handful of rows', psi: 2, psiZ: 9, rows: 199, want: 'too-few' },
  { why: 'no row at all', psi: Number.NaN, psiZ: Number.NaN, rows: 0, want: 'too-few' },
  { why: 'no rule has spoken', psi: undefined, psiZ: undefined, rows: undefined, want: 'unjudged' },
  { why: 'no share to compare', psi: Number.NaN, psiZ: undefined, rows: 900, want: 'unjudged' },
])('$why: $want', ({ psi, psiZ, rows, want }) => expect(judge({ psi, psiZ, rows }, defaultGates)).toBe(want))

const history = { timesMs: [0, 1000, 2000, 3000], psi: [0.1, 0.25, 0.3, 0.4] }
const alert = { activeAtMs: 1500 } as Alert

test('the alert knows best when drift began; the index knows next; what is steady never began', () => {
  expect(driftStart('drifting', alert, history, defaultGates)).toEqual({ timeMs: 1500, atLeast: false })
  expect(driftStart('drifting', undefined, history, defaultGates)).toEqual({ timeMs: 1000, atLeast: false })
  expect(driftStart('steady', undefined, history, defaultGates)).toBeUndefined()
})

const value = (name: string, psi: number | undefined, verdict: ValueState['verdict'], state?: Alert['state']): ValueState => ({
  key: `input.${name}`,
  role: 'input',
  name,
  unit: '',
  type: '',
  psi,
  psiZ: 1,
  rows: 1,
  verdict,
  bins: [],
  history: { timesMs: [], psi: [] },
  since: undefined,
  alert: state === undefined ? undefined : ({ state } as Alert),
})

test('worst first: firing, drifting by its size, unsure, unjudged, steady by its size, then by name', () => {
  const order = worstFirst([
    value('b', 0.001, 'steady'),
    value('a', 0.002, 'steady'),
    value('steady-but-high', 0.15, 'steady'),
    value('rare', undefined, 'too-few'),
    value('unsure', 0.3, 'unsure'),
    value('mild', 0.3, 'drifting'),
    value('wild', 3, 'drifting'),
    value('fired', 0.25, 'drifting', 'firing'),
  ])
  expect(order.map(({ name }) => name)).toEqual(['fired', 'wild', 'mild', 'unsure', 'rare', 'steady-but-high', 'a', 'b'])
})
