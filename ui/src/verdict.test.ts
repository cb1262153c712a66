import { expect, test } from 'vitest'
import type { Alert, Target } from './api.ts'
import type { ValueState } from './values.ts'
import { type Facts, verdictOf } from './verdict.ts'

const target = (health: Target['health'], job = 'gateway'): Target => ({
  job,
  instance: '127.0.0.1:8000',
  scrapeUrl: 'http://127.0.0.1:8000/metrics',
  health,
  lastError: health === 'down' ? 'connect ECONNREFUSED' : '',
  lastScrapeMs: 1,
  lastScrapeDurationMs: 1,
  intervalMs: 2000,
})

const alert = (name: string, state: Alert['state'], activeAtMs: number, summary?: string): Alert => ({
  name,
  labels: {},
  annotations: summary === undefined ? {} : { summary, description: `${summary}, at length` },
  state,
  activeAtMs,
  expr: '',
  forMs: 0,
})

const value = (name: string, verdict: ValueState['verdict'], extra: Partial<ValueState> = {}): ValueState => ({
  key: `input.${name}`,
  role: 'input',
  name,
  unit: '',
  type: '',
  psi: 1,
  psiZ: 9,
  rows: 900,
  verdict,
  bins: [],
  history: { timesMs: [], psi: [] },
  since: undefined,
  alert: undefined,
  ...extra,
})

const well: Facts = {
  contact: { kind: 'ok', atMs: 0 },
  nowMs: 100_000,
  model: 'weather',
  targets: [target('up')],
  alerts: [],
  values: [value('wind', 'steady'), value('rain', 'steady')],
  requestsPerSecond: 20,
  hasTasks: false,
  rowsGate: 200,
}
const fired = alert('ModelwatchDrift', 'firing', 5000)
const drifted = value('wind', 'drifting', { alert: fired })

test.for<{ why: string; facts: Partial<Facts>; tone: string; headline: string; sinceMs?: number }>([
  { why: 'all is well', facts: {}, tone: 'good', headline: 'weather is healthy' },
  { why: 'first second', facts: { contact: { kind: 'connecting' } }, tone: 'idle', headline: 'Asking the monitor…' },
  {
    why: 'the plane is silent, whatever the last picture said',
    facts: { contact: { kind: 'lost', sinceMs: 7, reason: 'no answer', nextTryMs: 110_000 }, alerts: [fired] },
    tone: 'bad',
    headline: 'The monitor is not answering',
    sinceMs: 7,
  },
  { why: 'gateway down', facts: { targets: [target('down')], alerts: [fired] }, tone: 'bad', headline: 'gateway is not answering' },
  {
    why: 'one replica of two down',
    facts: { targets: [target('down'), target('up')] },
    tone: 'warn',
    headline: '1 of 2 targets do not answer',
  },
  {
    why: 'first scrape to come',
    facts: { model: undefined, targets: [target('unknown')] },
    tone: 'idle',
    headline: 'No data yet: waiting for the first scrape',
  },
  { why: 'nothing to scrape', facts: { model: undefined, targets: [] }, tone: 'idle', headline: 'No data yet: nothing to scrape' },
  { why: 'no model', facts: { model: undefined }, tone: 'idle', headline: 'No model yet' },
  {
    why: 'one input drifted',
    facts: { alerts: [fired], values: [drifted] },
    tone: 'bad',
    headline: 'weather: 1 input has drifted',
    sinceMs: 5000,
  },
  {
    why: 'input and output drifted, since the earlier of the two',
    facts: { alerts: [fired, alert('ModelwatchDrift', 'firing', 3000)], values: [drifted, { ...drifted, name: 'y', role: 'output' }] },
    tone: 'bad',
    headline: 'weather: 1 input and 1 output have drifted',
    sinceMs: 3000,
  },
  {
    why: 'over the gate, alert not yet firing',
    facts: { values: [value('wind', 'drifting', { since: { timeMs: 9000, atLeast: false } })] },
    tone: 'warn',
    headline: 'weather: 1 input is drifting',
    sinceMs: 9000,
  },
  {
    why: 'errors weigh more than drift',
    facts: { alerts: [fired, alert('ModelwatchErrors', 'firing', 8000, 'weather: 3 % of requests fail')], values: [drifted] },
    tone: 'bad',
    headline: 'weather: 3 % of requests fail',
    sinceMs: 5000,
  },
  {
    why: 'a summary that names the model is the headline',
    facts: { alerts: [alert('ModelwatchModelGone', 'firing', 1, 'No gateway serves weather any more.')] },
    tone: 'bad',
    headline: 'No gateway serves weather any more',
    sinceMs: 1,
  },
  {
    why: 'another alert is pending',
    facts: { alerts: [alert('ModelwatchLatency', 'pending', 1, 'weather: slow')] },
    tone: 'warn',
    headline: 'weather: slow',
    sinceMs: 1,
  },
  {
    why: 'nobody asks',
    facts: { requestsPerSecond: 0, values: [value('wind', 'too-few', { rows: 0 })] },
    tone: 'idle',
    headline: 'weather is up, and nobody asks',
  },
  {
    why: 'nobody asks, and tasks of an hour ago are being done',
    facts: { requestsPerSecond: 0, hasTasks: true, values: [value('wind', 'unjudged', { rows: undefined })] },
    tone: 'good',
    headline: 'weather is healthy',
  },
  {
    why: 'a rare caller',
    facts: { requestsPerSecond: 0, values: [value('wind', 'too-few', { rows: 3 })] },
    tone: 'good',
    headline: 'weather is healthy',
  },
])('$why: $headline', ({ facts, tone, headline, sinceMs }) => {
  expect(verdictOf({ ...well, ...facts })).toMatchObject({ tone, headline, sinceMs })
})

test('too few rows are named, with how many are wanted', () => {
  const { detail } = verdictOf({ ...well, values: [value('wind', 'too-few', { rows: 120.4 })] })
  expect(detail).toBe('Drift is judged from 200 rows on; 120 came so far.')
})

test('a model whose values nobody counts is not said to have too few of them', () => {
  expect(verdictOf({ ...well, values: [value('wind', 'unjudged', { rows: undefined })] }).detail).toBe('Drift is not judged yet.')
})

test('drift beside another trouble is told, not lost', () => {
  const facts = { ...well, alerts: [fired, alert('ModelwatchErrors', 'firing', 1, 'errors')], values: [drifted] }
  expect(verdictOf(facts).detail).toBe('errors, at length Also: 1 input has drifted.')
})
