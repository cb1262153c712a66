/** A source of time, handed in so that tests decide what time it is. Milliseconds since 1970. */
export interface Clock {
  now(): number
}

export const systemClock: Clock = { now: () => Date.now() }

export const MS_PER_SECOND = 1000

const unitsMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 } as const
const pattern = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
const unitOrder = ['y', 'w', 'd', 'h', 'm', 's', 'ms'] as const

/**
 * A Prometheus duration (`1h30m`, `15s`, `500ms`, `0`) in milliseconds.
 * Units in falling order, each at most once: y (365 d), w, d, h, m, s, ms.
 * @returns Milliseconds ≥ 0, or undefined when the text is not a duration.
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0
  const match = pattern.exec(text)
  if (match === null || text === '') return undefined
  let total = 0
  for (const [i, unit] of unitOrder.entries()) total += Number(match[i + 1] ?? 0) * unitsMs[unit]
  return total
}

/** A duration as Prometheus writes it: `90_000` is `1m30s`; 0 is `0s`. Years and weeks only where they divide exactly. */
export function formatDuration(durationMs: number): string {
  if (durationMs === 0) return '0s'
  let rest = Math.round(durationMs)
  let text = ''
  for (const unit of unitOrder) {
    const size = unitsMs[unit]
    const exactOnly = unit === 'y' || unit === 'w'
    if (exactOnly && rest % size !== 0) continue
    const count = Math.floor(rest / size)
    if (count > 0) text += `${count}${unit}`
    rest -= count * size
  }
  return text
}
