import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { needs } from '../../../test/support/needs.ts'
import { toLabels } from '../../core/labels.ts'
import type { RuleGroupStatus } from '../../plane/rules/index.ts'
import { createAnswerCheck, createTestApi } from './testing.ts'
import { groups, nowMs, seconds, targets, useTestPlane } from './testing-plane.ts'

const plane = useTestPlane()
const checkAnswer = createAnswerCheck()

test('series, labels and values, by matchers and time', async () => {
  expect((await plane.get('series', { 'match[]': ['load{zone="b"}', 'end'] })).body.data).toEqual([
    { __name__: 'end' },
    { __name__: 'load', zone: 'b' },
  ])
  expect((await plane.get('series', { 'match[]': 'end', end: `${seconds - 1}` })).body.data).toEqual([])
  expect((await plane.get('labels')).body.data).toEqual(['__name__', 'http.status', 'zone'])
  expect((await plane.get('labels', { 'match[]': 'end' })).body.data).toEqual(['__name__'])
  expect((await plane.get('label/zone/values')).body.data).toEqual(['a', 'b'])
  expect((await plane.get('label/zone/values', { 'match[]': 'load{zone!="a"}' })).body.data).toEqual(['b'])
  expect((await plane.get('label/U__http_2e_status/values')).body.data).toEqual(['200'])
})

test('metadata', async () => {
  expect((await plane.get('metadata', { metric: 'load' })).body.data).toEqual({ load: [{ type: 'gauge', help: 'How busy.', unit: '' }] })
  expect(Object.keys((await plane.get('metadata', { limit: '1' })).body.data)).toHaveLength(1)
})

test('metadata of targets: those of the metrics they had lately', async () => {
  const busy = { type: 'gauge', help: 'How busy.', unit: '' } as const
  const [target] = targets
  const writing = plane.store.appender()
  writing.append(0, toLabels({ __name__: 'busy', ...target!.labels }), nowMs, 1)
  writing.append(0, toLabels({ __name__: 'took_seconds_bucket', le: '+Inf', ...target!.labels }), nowMs, 1)
  await writing.commit()
  plane.store.setMetadata('busy', busy)
  plane.store.setMetadata('took_seconds', { type: 'histogram', help: 'Time.', unit: 'seconds' })
  const all = (await plane.get('targets/metadata', { match_target: '{job="app"}' })).body
  expect(all.data).toEqual([
    { target: target!.labels, metric: 'busy', ...busy },
    { target: target!.labels, metric: 'took_seconds', type: 'histogram', help: 'Time.', unit: 'seconds' },
  ])
  expect(checkAnswer?.('TargetMetadataOutputBody', all) ?? '').toBe('')
  expect((await plane.get('targets/metadata', { metric: 'busy', match_target: '{job="app"}' })).body.data).toEqual([
    { target: target!.labels, ...busy },
  ])
  expect((await plane.get('targets/metadata', { match_target: '{job="none"}' })).body.data).toEqual([])
  expect((await plane.get('targets/metadata', { limit: '0' })).body.data).toEqual([])
})

test('targets', async () => {
  const { activeTargets } = (await plane.get('targets')).body.data
  expect(activeTargets[0]).toMatchObject({
    scrapePool: 'app',
    lastScrape: '2026-11-20T11:59:59.500Z',
    lastScrapeDuration: 0.0125,
    scrapeInterval: '15s',
  })
  expect(activeTargets[1]).toMatchObject({ lastScrape: '0001-01-01T00:00:00Z', scrapeInterval: '500ms' })
  expect((await plane.get('targets', { scrapePool: 'other' })).body.data.activeTargets).toHaveLength(1)
  expect((await plane.get('targets', { state: 'dropped' })).body.data.activeTargets).toEqual([])
})

test('rules and alerts, whole and filtered', async () => {
  const [group] = (await plane.get('rules')).body.data.groups
  expect(group).toMatchObject({ name: 'g', file: 'f.yml', interval: 1.5, limit: 0, evaluationTime: 0.003 })
  expect(group.rules[1]).toMatchObject({ type: 'alerting', state: 'firing', duration: 60, alerts: [{ state: 'firing', value: '2.5e-01' }] })
  const names = async (params: Record<string, string>) =>
    (await plane.get('rules', params)).body.data.groups.flatMap((g: { rules: { name: string }[] }) => g.rules.map((r) => r.name))
  expect(await names({ type: 'record' })).toEqual(['a:b'])
  expect(await names({ type: 'alert' })).toEqual(['High'])
  expect(await names({ 'rule_name[]': 'none' })).toEqual([])
  expect(await names({ 'match[]': '{severity=~"page|warn"}' })).toEqual(['High'])
  expect((await plane.get('rules', { 'rule_group[]': 'h' })).body.data.groups).toEqual([])
  expect((await plane.get('rules', { exclude_alerts: 'true' })).body.data.groups[0].rules[1].alerts).toEqual([])
  expect((await plane.get('alerts')).body.data.alerts).toEqual([
    {
      labels: { alertname: 'High', severity: 'page' },
      annotations: { summary: 'is high' },
      state: 'firing',
      activeAt: '2026-11-20T11:59:00.000Z',
      value: '2.5e-01',
    },
  ])
})

test('rule groups by file and name, and in pages', async () => {
  const group = (file: string, name: string): RuleGroupStatus => ({ ...groups[0]!, file, name, rules: [] })
  const listed = [group('b.yml', 'a'), group('a.yml', 'z'), group('a.yml', 'b')]
  const created = await createTestApi(plane.store, { clock: { now: () => nowMs }, rules: { groups: () => listed, alerts: () => [] } })
  const ask = async (params: Record<string, string>) => (await created.app.inject(`/api/v1/rules?${new URLSearchParams(params)}`)).json()
  const names = (body: { data: { groups: { file: string; name: string }[] } }) =>
    body.data.groups.map(({ file, name }) => `${file};${name}`)
  expect(names(await ask({}))).toEqual(['a.yml;b', 'a.yml;z', 'b.yml;a'])
  const first = await ask({ group_limit: '2' })
  expect(names(first)).toEqual(['a.yml;b', 'a.yml;z'])
  expect(first.data.groupNextToken).toBe('655ef4f794c04087ab1ede69a473309141be8b28') // SHA-1 of b.yml;a, as in Prometheus.
  expect(checkAnswer?.('RulesOutputBody', first) ?? '').toBe('')
  const second = await ask({ group_limit: '2', group_next_token: first.data.groupNextToken })
  expect([names(second), second.data.groupNextToken]).toEqual([['b.yml;a'], undefined])
  await created.app.close()
})

test('answers have the shapes of the Prometheus API', async (ctx) => {
  needs(ctx, '../shared')
  assert(checkAnswer !== undefined)
  const shapes: [path: string, params: Record<string, string>, schema: string][] = [
    ['query', { query: 'load' }, 'QueryOutputBody'],
    ['query', { query: '1' }, 'QueryOutputBody'],
    ['query', { query: 'load[1m]' }, 'QueryOutputBody'],
    ['query_range', { query: 'load', start: `${seconds - 60}`, end: `${seconds}`, step: '15s' }, 'QueryRangeOutputBody'],
    ['series', { 'match[]': 'load' }, 'SeriesOutputBody'],
    ['labels', {}, 'LabelsOutputBody'],
    ['label/zone/values', {}, 'LabelValuesOutputBody'],
    ['metadata', {}, 'MetadataOutputBody'],
    ['targets', {}, 'TargetsOutputBody'],
    ['rules', {}, 'RulesOutputBody'],
    ['alerts', {}, 'AlertsOutputBody'],
    ['status/config', {}, 'StatusConfigOutputBody'],
    ['status/flags', {}, 'StatusFlagsOutputBody'],
    ['status/buildinfo', {}, 'StatusBuildInfoOutputBody'],
    ['status/runtimeinfo', {}, 'StatusRuntimeInfoOutputBody'],
    ['status/tsdb', {}, 'StatusTSDBOutputBody'],
    ['status/walreplay', {}, 'StatusWALReplayOutputBody'],
    ['query', { query: 'load', stats: 'all' }, 'QueryOutputBody'],
    ['query_exemplars', { query: 'load' }, 'QueryExemplarsOutputBody'],
    ['format_query', { query: 'load' }, 'FormatQueryOutputBody'],
    ['parse_query', { query: 'load' }, 'ParseQueryOutputBody'],
    ['scrape_pools', {}, 'ScrapePoolsOutputBody'],
    ['alertmanagers', {}, 'AlertmanagersOutputBody'],
    ['notifications', {}, 'NotificationsOutputBody'],
  ]
  for (const [path, params, schema] of shapes) {
    const { status, body } = await plane.get(path, params)
    expect([path, status, checkAnswer(schema, body)]).toEqual([path, 200, ''])
  }
})
