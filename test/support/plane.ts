/** As much of the Prometheus HTTP API as the tests ask; of our monitor and of Prometheus alike. */
export interface PlaneSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface PlaneAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: string
}

export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

/** An instant query that gives a vector. @param timeMs - Undefined: now. */
export async function queryPlane(url: string, expr: string, timeMs?: number): Promise<PlaneSample[]> {
  const params = new URLSearchParams({ query: expr, ...(timeMs === undefined ? {} : { time: String(timeMs / 1000) }) })
  const { data } = await getJson<{ data: { result: { metric: Record<string, string>; value: [number, string] }[] } }>(
    `${url}/api/v1/query?${params}`,
  )
  return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
}

/** The only value of an instant query; undefined while there is none. */
export async function soleValue(url: string, expr: string): Promise<number | undefined> {
  const samples = await queryPlane(url, expr)
  if (samples.length > 1) throw new Error(`${expr} gives ${samples.length} series`)
  return samples[0]?.value
}

export async function alertsOf(url: string): Promise<PlaneAlert[]> {
  return (await getJson<{ data: { alerts: PlaneAlert[] } }>(`${url}/api/v1/alerts`)).data.alerts
}

/** A label set in one way, whatever the order. */
export const labelKey = (labels: Readonly<Record<string, string>>) =>
  JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
