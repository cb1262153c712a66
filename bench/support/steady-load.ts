// A process of its own that sends requests at a steady rate, whatever becomes of them, and tells how long each took from the moment it was due.
import { Pool } from 'undici'

export interface Stream {
  readonly name: string
  readonly path: string
  /** Sent as a form by POST; none is a GET. */
  readonly form?: Readonly<Record<string, string>>
  readonly perSecond: number
}

export interface SteadyLoad {
  readonly url: string
  readonly seconds: number
  readonly streams: readonly Stream[]
}

/** Milliseconds from when a request was due to the last byte of its answer, by stream, sorted; and how many were not answered with 200. */
export type SteadyResult = Readonly<Record<string, { readonly latenciesMs: readonly number[]; readonly errors: number }>>

async function run({ url, seconds, streams }: SteadyLoad): Promise<SteadyResult> {
  const pool = new Pool(url, { connections: 64 })
  const results: Record<string, { latenciesMs: number[]; errors: number }> = {}
  await Promise.all(
    streams.map(async ({ name, path, form, perSecond }, i) => {
      const result = { latenciesMs: [] as number[], errors: 0 }
      results[name] = result
      const open: Promise<void>[] = []
      // Streams do not tick together.
      const beginMs = performance.now() + (i * 1000) / perSecond / streams.length
      for (let n = 0; n < seconds * perSecond; n++) {
        const dueMs = beginMs + (n * 1000) / perSecond
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())))
        open.push(
          ask(pool, path, form).then((isFine) => {
            if (isFine) result.latenciesMs.push(performance.now() - dueMs)
            else result.errors++
          }),
        )
      }
      await Promise.all(open)
      result.latenciesMs.sort((a, b) => a - b)
    }),
  )
  await pool.close()
  return results
}

async function ask(pool: Pool, path: string, form: Stream['form']): Promise<boolean> {
  try {
    const { statusCode, body } = await pool.request(
      form === undefined
        ? { path, method: 'GET' }
        : {
            path,
            method: 'POST',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams(form).toString(),
          },
    )
    await body.dump()
    return statusCode === 200
  } catch {
    return false // Counted by the caller.
  }
}

if (process.send !== undefined) {
  process.on('message', (load: SteadyLoad) => run(load).then((result) => process.send!(result)))
}
