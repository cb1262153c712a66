/** What the plane's HTTP API answers, as plain data; times are milliseconds since 1970, durations milliseconds. */

export type Labels = Readonly<Record<string, string>>

export interface Sample {
  readonly labels: Labels
  readonly timeMs: number
  readonly value: number
}

/** One line of a range query: columns of equal length, oldest first. */
export interface Series {
  readonly labels: Labels
  readonly timesMs: readonly number[]
  readonly values: readonly number[]
}

export interface TimeGrid {
  readonly startMs: number
  readonly endMs: number
  readonly stepMs: number
}

export interface Alert {
  readonly name: string
  readonly labels: Labels
  readonly annotations: Labels
  readonly state: 'pending' | 'firing'
  readonly activeAtMs: number
  /** The expression of the rule behind it; '' when the rule is no longer loaded. */
  readonly expr: string
  readonly forMs: number
}

export interface Rules {
  readonly alerts: readonly Alert[]
  readonly ruleCount: number
  readonly alertRules: readonly { readonly name: string; readonly expr: string; readonly forMs: number }[]
  /** Rules that could not be evaluated, and why. */
  readonly broken: readonly { readonly name: string; readonly error: string }[]
}

export interface Target {
  readonly job: string
  readonly instance: string
  readonly scrapeUrl: string
  readonly health: 'up' | 'down' | 'unknown'
  readonly lastError: string
  readonly lastScrapeMs: number | undefined
  readonly lastScrapeDurationMs: number
  readonly intervalMs: number
}

export interface Api {
  /** An instant query; a scalar comes back as one sample without labels. @throws ApiError */
  query(expr: string, options?: { readonly timeMs?: number | undefined; readonly signal?: AbortSignal }): Promise<Sample[]>
  /** @throws ApiError */
  queryRange(expr: string, grid: TimeGrid, options?: { readonly signal?: AbortSignal }): Promise<Series[]>
  rules(signal?: AbortSignal): Promise<Rules>
  targets(signal?: AbortSignal): Promise<Target[]>
}

/** `unreachable`: no answer, or not one of ours. `refused`: the plane answered that the question is wrong, too big or too slow. */
export class ApiError extends Error {
  readonly kind: 'unreachable' | 'refused'
  readonly errorType: string
  constructor(kind: 'unreachable' | 'refused', message: string, errorType = '') {
    super(message)
    this.kind = kind
    this.errorType = errorType
  }
}

/** A number as Prometheus writes it: "NaN", "+Inf" and "-Inf" beside decimal numbers. */
export function parseValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY
  if (text === '-Inf') return Number.NEGATIVE_INFINITY
  return Number(text)
}

const msPerUnit: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
}

/** A duration as Prometheus writes it ("1m30s"); undefined when it is not one. */
export function parseDurationMs(text: string): number | undefined {
  if (!/^(\d+(ms|[smhdwy]))+$/.test(text)) return undefined
  let totalMs = 0
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) totalMs += Number(amount) * msPerUnit[unit!]!
  return totalMs
}

interface Deps {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Where the API lives, ending in a slash; relative to the page. */
  readonly base: string
  readonly timeoutMs: number
}

export function createApi({ fetch, base, timeoutMs }: Deps): Api {
  async function call(path: string, form: Readonly<Record<string, string>> | undefined, signal: AbortSignal | undefined): Promise<unknown> {
    const timeout = AbortSignal.timeout(timeoutMs)
    const init: RequestInit = { signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]), cache: 'no-store' }
    if (form !== undefined) {
      // POST: an expression may be longer than an address may be.
      init.method = 'POST'
      init.body = new URLSearchParams(form)
    }
    let response: Response
    let body: { status?: unknown; data?: unknown; error?: unknown; errorType?: unknown }
    try {
      response = await fetch(`${base}api/v1/${path}`, init)
      body = await response.json()
    } catch (cause) {
      if (signal?.aborted) throw cause
      throw new ApiError('unreachable', timeout.aborted ? `no answer within ${timeoutMs / 1000} s` : 'no usable answer from the monitor')
    }
    if (body.status === 'success') return body.data
    if (body.status === 'error') throw new ApiError('refused', String(body.error), String(body.errorType))
    throw new ApiError('unreachable', `HTTP ${response.status}`)
  }
  return {
    async query(expr, { timeMs, signal } = {}) {
      const form = timeMs === undefined ? { query: expr } : { query: expr, time: String(timeMs / 1000) }
      return toSamples((await call('query', form, signal)) as QueryData)
    },
    async queryRange(expr, { startMs, endMs, stepMs }, { signal } = {}) {
      const form = { query: expr, start: String(startMs / 1000), end: String(endMs / 1000), step: String(stepMs / 1000) }
      return toSeries((await call('query_range', form, signal)) as QueryData)
    },
    async rules(signal) {
      return toRules((await call('rules', undefined, signal)) as RulesData)
    },
    async targets(signal) {
      return toTargets((await call('targets?state=active', undefined, signal)) as TargetsData)
    },
  }
}

type Point = readonly [number, string]
interface QueryData {
  readonly resultType: string
  readonly result: unknown
}

function toSamples({ resultType, result }: QueryData): Sample[] {
  if (resultType === 'scalar') {
    const [seconds, text] = result as Point
    return [{ labels: {}, timeMs: seconds * 1000, value: parseValue(text) }]
  }
  if (resultType === 'matrix') {
    return toSeries({ resultType, result }).map(({ labels, timesMs, values }) => ({
      labels,
      timeMs: timesMs.at(-1)!,
      value: values.at(-1)!,
    }))
  }
  if (resultType !== 'vector') throw new ApiError('refused', `the answer is a ${resultType}; this page shows numbers`)
  // A native histogram has no `value`: it cannot be shown as a number, so it is left out.
  return (result as { metric: Labels; value?: Point }[]).flatMap(({ metric, value }) =>
    value === undefined ? [] : [{ labels: metric, timeMs: value[0] * 1000, value: parseValue(value[1]) }],
  )
}

function toSeries({ result }: QueryData): Series[] {
  return (result as { metric: Labels; values?: Point[] }[]).map(({ metric, values = [] }) => ({
    labels: metric,
    timesMs: values.map((point) => point[0] * 1000),
    values: values.map((point) => parseValue(point[1])),
  }))
}

interface RulesData {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly type: string
      readonly name: string
      readonly query: string
      readonly duration?: number
      readonly health?: string
      readonly lastError?: string
      readonly alerts?: readonly { labels: Labels; annotations?: Labels; state: string; activeAt: string }[]
    }[]
  }[]
}

function toRules({ groups }: RulesData): Rules {
  const rules = groups.flatMap((group) => group.rules)
  const alerting = rules.filter((rule) => rule.type === 'alerting')
  return {
    ruleCount: rules.length,
    alertRules: alerting.map(({ name, query, duration }) => ({ name, expr: query, forMs: (duration ?? 0) * 1000 })),
    broken: rules.flatMap(({ name, health, lastError }) => (health === 'err' ? [{ name, error: lastError ?? '' }] : [])),
    alerts: alerting.flatMap(({ name, query, duration, alerts }) =>
      (alerts ?? []).flatMap(({ labels, annotations, state, activeAt }): Alert[] =>
        state === 'firing' || state === 'pending'
          ? [
              {
                name,
                labels,
                annotations: annotations ?? {},
                state,
                activeAtMs: Date.parse(activeAt),
                expr: query,
                forMs: (duration ?? 0) * 1000,
              },
            ]
          : [],
      ),
    ),
  }
}

interface TargetsData {
  readonly activeTargets: readonly {
    readonly labels: Labels
    readonly scrapeUrl: string
    readonly health: string
    readonly lastError: string
    readonly lastScrape: string
    readonly lastScrapeDuration: number
    readonly scrapeInterval?: string
  }[]
}

function toTargets({ activeTargets }: TargetsData): Target[] {
  return activeTargets.map(({ labels, scrapeUrl, health, lastError, lastScrape, lastScrapeDuration, scrapeInterval }) => {
    // A target never scraped carries Go's zero time, in the year 1.
    const lastScrapeMs = Date.parse(lastScrape)
    return {
      job: labels.job ?? '',
      instance: labels.instance ?? '',
      scrapeUrl,
      health: health === 'up' || health === 'down' ? health : 'unknown',
      lastError,
      lastScrapeMs: lastScrapeMs > 0 ? lastScrapeMs : undefined,
      lastScrapeDurationMs: lastScrapeDuration * 1000,
      intervalMs: parseDurationMs(scrapeInterval ?? '') ?? 15_000,
    }
  })
}
