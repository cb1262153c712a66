// Cuts pictures out: submits each as a task, waits, and writes what comes back. `node examples/cutout/client.ts --help` says how.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { createProgress } from './client/progress.ts'
import { type Task, type Tasks, tasksOf } from './client/tasks.ts'

const USAGE = `usage: node client.ts IMAGE… [--out DIR] [--url URL]

Removes the background of pictures, and writes DIR/NAME.png for each.

  --out DIR   folder to write to, made if it is not there (default: cutouts)
  --url URL   the gateway (default: http://127.0.0.1:8000)

Ctrl-C cancels what is not done. Exit codes: 0 done, 1 some failed, 2 bad usage, 130 cancelled.`

/** Pictures under way at once: more than a gateway has threads, so that none waits for us, and few enough to hold their files. */
const UNDER_WAY_MAX = 8

type Outcome = { readonly kind: 'written' } | { readonly kind: 'failed'; readonly reason: string } | { readonly kind: 'cancelled' }

interface Job {
  readonly image: string
  readonly target: string
}

async function main(): Promise<number> {
  const args = readArgs()
  if (typeof args === 'number') return args
  const { images, out, url } = args
  try {
    await mkdir(out, { recursive: true })
  } catch (error) {
    console.error(`${out} cannot be made: ${(error as Error).message}`)
    return 1
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort()) // The second ends the program as it is.
  const progress = createProgress(images.length, process.stderr)
  const left = toJobs(images, out)
  const tasks = tasksOf('cutout', url)
  const failures: string[] = []
  const counts = { written: 0, failed: 0, cancelled: 0 }

  const lane = async () => {
    for (let job = left.shift(); job !== undefined; job = left.shift()) {
      const outcome = stop.signal.aborted ? ({ kind: 'cancelled' } as const) : await cutOne(job, tasks, stop.signal)
      counts[outcome.kind]++
      if (outcome.kind === 'failed') failures.push(`${job.image} was not cut: ${outcome.reason}`)
      if (outcome.kind !== 'cancelled') progress.step(outcome.kind === 'failed')
    }
  }
  await Promise.all(Array.from({ length: Math.min(UNDER_WAY_MAX, images.length) }, lane))

  progress.end()
  for (const failure of failures) console.error(failure)
  const cancelled = counts.cancelled === 0 ? '' : `, ${counts.cancelled} cancelled`
  console.log(`${counts.written} of ${images.length} ${images.length === 1 ? 'picture' : 'pictures'} written to ${out}${cancelled}`)
  return stop.signal.aborted ? 130 : failures.length > 0 ? 1 : 0
}

/** @returns an exit code where there is nothing more to do. */
function readArgs(): { images: string[]; out: string; url: string } | number {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        out: { type: 'string', default: 'cutouts' },
        url: { type: 'string', default: 'http://127.0.0.1:8000' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(USAGE)
      return 0
    }
    if (positionals.length === 0) throw new Error('name at least one picture')
    if (!/^https?:$/.test(URL.parse(values.url)?.protocol ?? ''))
      throw new Error(`--url must be an address such as http://127.0.0.1:8000, got ${values.url}`)
    return { images: positionals, out: values.out, url: values.url }
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
}

/** Each picture and its target: two of one name, such as a/cup.png and b/cup.jpg, become cup.png and cup-2.png. */
function toJobs(images: readonly string[], out: string): Job[] {
  const taken = new Set<string>()
  return images.map((image) => {
    const name = basename(image, extname(image))
    let unique = name
    for (let n = 2; taken.has(unique.toLowerCase()); n++) unique = `${name}-${n}`
    taken.add(unique.toLowerCase())
    return { image, target: join(out, `${unique}.png`) }
  })
}

/** Does not throw. */
async function cutOne({ image, target }: Job, tasks: Tasks, signal: AbortSignal): Promise<Outcome> {
  let task: Task | undefined
  try {
    task = await tasks.submit(new Blob([await readFile(image)]), basename(image), signal)
    signal.throwIfAborted()
    const { state, error, predictions } = await tasks.untilEnd(task, signal)
    const cutout = predictions?.[0]?.outputs.cutout
    if (typeof cutout !== 'string') return { kind: 'failed', reason: error?.message ?? `its task is ${state}, without a picture` }
    await writeWhole(target, Buffer.from(cutout, 'base64'))
    return { kind: 'written' }
  } catch (error) {
    if (!signal.aborted) return { kind: 'failed', reason: (error as Error).message }
    if (task !== undefined) await tasks.cancel(task).catch(() => {}) // A gateway that is gone works on nothing; another would end it anyway.
    return { kind: 'cancelled' }
  }
}

/** A picture is there whole or not at all. */
async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`
  try {
    await writeFile(unfinished, bytes)
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
}

process.exitCode = await main()
