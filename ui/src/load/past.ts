import type { Alert, Rules, Sample, Target } from '../api.ts'
import type { Ask } from './ask.ts'

/** The alerts of a moment in the past. Their words were made then and are not kept; those still active lend theirs. */
export async function alertsThen(ask: Ask, rules: Rules, atMs: number): Promise<Alert[]> {
  const [states, since] = await Promise.all([ask('ALERTS', atMs), ask('ALERTS_FOR_STATE', atMs)])
  const idOf = ({ __name__: _, alertstate: __, ...labels }: Sample['labels']) => JSON.stringify(Object.entries(labels).sort())
  const sinceMs = new Map(since.map(({ labels, value }) => [idOf(labels), value * 1000]))
  const active = new Map(rules.alerts.map((alert) => [idOf({ ...alert.labels, alertname: alert.name }), alert]))
  return states.flatMap(({ labels }): Alert[] => {
    const { alertstate: state, alertname: name = '' } = labels
    if (state !== 'firing' && state !== 'pending') return []
    const rule = rules.alertRules.find((candidate) => candidate.name === name)
    return [
      {
        name,
        labels,
        state,
        annotations: active.get(idOf(labels))?.annotations ?? {},
        activeAtMs: sinceMs.get(idOf(labels)) ?? atMs,
        expr: rule?.expr ?? '',
        forMs: rule?.forMs ?? 0,
      },
    ]
  })
}

export async function targetsThen(ask: Ask, targets: readonly Target[], atMs: number): Promise<Target[]> {
  const up = await ask('up', atMs)
  return targets.map((target) => {
    const value = up.find(({ labels }) => labels.job === target.job && labels.instance === target.instance)?.value
    const health = value === undefined ? 'unknown' : value === 1 ? 'up' : 'down'
    return { ...target, health, lastError: health === target.health ? target.lastError : '', lastScrapeMs: undefined }
  })
}
