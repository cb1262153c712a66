import { expect, test } from 'vitest'
import type { Alert, Target } from './api.ts'
import { toBins } from './bins.ts'
import type { ValueState } from './values.ts'
import { describeHealth, type Facts, verdictOf } from './verdict.ts'

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
  isJudged: true,
  deadTasks: 0,
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
    why: 'what no rule judges may be anything',
    facts: { isJudged: false },
    tone: 'idle',
    headline: 'weather is up, and no rule judges it',
  },
  {
    why: 'an alert that no rule of the model gave is an alert',
    facts: { isJudged: false, alerts: [alert('NodeFull', 'firing', 1, 'weather: the disk is full')] },
    tone: 'bad',
    headline: 'weather: the disk is full',
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

test.for([
  { why: 'all are down', targets: [target('down')], want: 'Connect ECONNREFUSED.' },
  { why: 'some are down', targets: [target('down'), target('up')], want: 'gateway: Connect ECONNREFUSED.' },
])('why nobody answers is a sentence, since when follows it: $why', ({ targets, want }) => {
  expect(verdictOf({ ...well, targets }).detail).toBe(want)
})

test('too few rows are named, with how many are wanted', () => {
  const { detail } = verdictOf({ ...well, values: [value('wind', 'too-few', { rows: 120.4 })] })
  expect(detail).toBe('Drift is judged from 200 rows on; 120 came so far.')
})

test('a model whose values nobody counts is not said to have too few of them', () => {
  const uncounted = value('wind', 'unjudged', { psi: undefined, rows: undefined, bins: toBins(new Map([['sun', 1]]), new Map()) })
  expect(verdictOf({ ...well, values: [uncounted] }).detail).toBe('Drift is not judged yet.')
})

test('a model without a profile of its training data is not said to be judged soon', () => {
  const unprofiled = value('wind', 'unjudged', { psi: undefined, rows: undefined })
  expect(verdictOf({ ...well, values: [unprofiled] }).detail).toMatch(/^Drift is not judged: nothing tells /)
})

test.for([
  { deadTasks: 0, facts: {}, want: 'Every input and output looks like training.' },
  { deadTasks: 1, facts: {}, want: '1 task is dead. Every input and output looks like training.' },
  { deadTasks: 18, facts: { values: [] }, want: '18 tasks are dead.' },
  { deadTasks: 2, facts: { alerts: [fired], values: [drifted] }, want: '2 tasks are dead. wind no longer looks like training.' },
])('$deadTasks dead tasks are told whatever else is told', ({ deadTasks, facts, want }) => {
  expect(verdictOf({ ...well, ...facts, deadTasks }).detail).toBe(want)
})

test('drift beside another trouble is told, not lost', () => {
  const facts = { ...well, alerts: [fired, alert('ModelwatchErrors', 'firing', 1, 'errors')], values: [drifted] }
  expect(verdictOf(facts).detail).toBe('errors, at length Also: 1 input has drifted.')
})

test.for([
  { why: 'nobody looked', trouble: [null, null], want: 'Nothing is known of this time' },
  { why: 'no point at all', trouble: [], want: 'Nothing is known of this time' },
  { why: 'well since the beginning', trouble: [null, 0, 0], want: 'No trouble in this time' },
  { why: 'in trouble', trouble: [0, 2, 1, 0], want: 'In trouble for 20\u00a0s in this time' },
  {
    why: 'well, but nobody looked for a while',
    trouble: [0, null, null, 0],
    want: 'No trouble in this time; for 20\u00a0s nothing is known',
  },
  { why: 'bad, and then nobody looked', trouble: [1, null], want: 'In trouble for 10\u00a0s in this time; for 10\u00a0s nothing is known' },
])('a time in words: $why', ({ trouble, want }) => expect(describeHealth(trouble, 10_000)).toBe(want))
