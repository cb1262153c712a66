import type { Redis } from 'ioredis'
import { decodeTraffic, encodeTraffic, nextTraffic } from '../codec.ts'
import { type ModelTraffic, REPORT_MS, type RevisionReport, type TrafficState, type TrafficStore } from '../contract.ts'
import { trafficErrors } from '../errors.ts'
import { Listeners } from '../listeners.ts'
import { RedisConnection } from './connection.ts'
import { CHANGES_KEY, CHANNEL, COMPARE_AND_SET, MODELS_KEY, REPORT, REPORTS, REPORTS_KEY, TOLD_KEY, WITHDRAW } from './scripts.ts'

const TIMEOUT_MS = 3000
/** Changes are announced; a look now and then finds what was announced while the connection was broken without either end knowing. */
const POLL_MS = 5000
/** Others that came first before an update gives up: an operator's commands do not come at such a pace. */
const ATTEMPTS_MAX = 100

export interface RedisTrafficDeps {
  /** Longest wait for Redis before a call fails; 3 s where left out. */
  readonly timeoutMs?: number
  /** How long a report stands; REPORT_MS where left out. */
  readonly reportMs?: number
}

/**
 * Keeps traffic in Redis or Valkey, for any number of machines; as durable as Redis was set up to be. Nothing is connected before the first call, and
 * a broken connection comes back by itself.
 * @param url - `redis://` or `rediss://`, with password and database where needed.
 */
export async function openRedisTraffic(url: string, deps: RedisTrafficDeps = {}): Promise<TrafficStore> {
  return new RedisTraffic(await RedisConnection.create(url, deps.timeoutMs ?? TIMEOUT_MS), deps.reportMs ?? REPORT_MS)
}

class RedisTraffic implements TrafficStore {
  readonly #connection: RedisConnection
  readonly #reportMs: number
  readonly #listeners: Listeners

  constructor(connection: RedisConnection, reportMs: number) {
    this.#connection = connection
    this.#reportMs = reportMs
    this.#listeners = new Listeners(() => this.#look())
  }

  async read(): Promise<readonly ModelTraffic[]> {
    const models = await this.#connection.run((redis) => redis.hgetall(MODELS_KEY))
    return Object.keys(models)
      .sort()
      .map((model) => decodeTraffic(model, models[model]!))
  }

  async update(model: string, change: (current: ModelTraffic | undefined) => TrafficState): Promise<ModelTraffic> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const text = await this.#connection.run((redis) => redis.hget(MODELS_KEY, model))
      const current = text === null ? undefined : decodeTraffic(model, text)
      const next = nextTraffic(model, current, change(current))
      const set = await this.#connection.run((redis) =>
        redis.eval(COMPARE_AND_SET, 2, MODELS_KEY, CHANGES_KEY, model, text ?? '', encodeTraffic(next), CHANNEL),
      )
      if (set === 1) {
        this.#listeners.notify()
        return next
      }
    }
    throw trafficErrors.MW_TRAFFIC_UNAVAILABLE(
      `the traffic of ${model} was changed by others ${ATTEMPTS_MAX} times, each time before this change`,
    )
  }

  onChange(listener: () => void): () => void {
    return this.#listeners.add(listener)
  }

  async report(reports: readonly RevisionReport[]): Promise<void> {
    const fields = reports.flatMap((report) => [JSON.stringify([report.process, report.model, report.revision]), JSON.stringify(report)])
    await this.#connection.run((redis) => redis.eval(REPORT, 2, REPORTS_KEY, TOLD_KEY, this.#reportMs, ...fields))
  }

  async withdraw(process: string): Promise<void> {
    await this.#connection.run((redis) => redis.eval(WITHDRAW, 2, REPORTS_KEY, TOLD_KEY, process))
  }

  async reports(): Promise<readonly RevisionReport[]> {
    const bodies = await this.#connection.run((redis) => redis.eval(REPORTS, 2, REPORTS_KEY, TOLD_KEY, this.#reportMs))
    return (bodies as string[]).map(toReport).sort((a, b) => (fieldOf(a) < fieldOf(b) ? -1 : 1))
  }

  async close(): Promise<void> {
    this.#listeners.close()
    this.#connection.close()
  }

  /** Listens for announced changes; after each connection, and now and then, it looks whether one was missed. */
  #look(): () => void {
    let seen: string | null | undefined
    const listener: Redis = this.#connection.listener()
    const check = async () => {
      if (listener.status !== 'ready') return
      const changes = await listener.get(CHANGES_KEY).catch(() => undefined) // The next look tells.
      if (changes === undefined || changes === seen) return
      const first = seen === undefined
      seen = changes
      if (!first) this.#listeners.notify()
    }
    listener.on('message', () => this.#listeners.notify())
    listener.on('ready', () => void check())
    listener.subscribe(CHANNEL).catch(() => {}) // Sent again with each connection; the looks go on in any case.
    const timer = setInterval(() => void check(), POLL_MS).unref()
    return () => {
      clearInterval(timer)
      listener.disconnect()
    }
  }
}

const fieldOf = ({ process, model, revision }: RevisionReport) => JSON.stringify([process, model, revision])

function toReport(body: string): RevisionReport {
  const { reason, ...report } = JSON.parse(body) as RevisionReport
  return { ...report, reason }
}
