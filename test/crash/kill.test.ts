import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { temporaryDir } from '../../src/plane/store/testing.ts'
import { forgetOld, type Message, note, nothingPromised, type Promised } from './plan.ts'

const kills = Number(process.env.MODELWATCH_CRASH_KILLS ?? 50)
const seed = Number(process.env.MODELWATCH_SEED ?? Date.now() % 1_000_000)

interface Life {
  readonly folder: string
  readonly promised: Promised
  /** How long it lives once it has checked what the ones before it wrote. */
  readonly afterMs: number
  readonly seed: number
}

/** Runs a writer and kills it. */
async function runAndKill({ folder, promised, afterMs, seed: own }: Life): Promise<Message[]> {
  const promisedFile = join(folder, 'promised.json')
  await writeFile(promisedFile, JSON.stringify(promised))
  const writer = join(import.meta.dirname, 'writer.ts')
  const child: ChildProcess = spawn(process.execPath, [writer, join(folder, 'data'), promisedFile, String(own)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const messages: Message[] = []
  const lines = createInterface({ input: child.stdout! })
  const ready = Promise.withResolvers<void>()
  lines.on('line', (line) => {
    const message = JSON.parse(line) as Message
    messages.push(message)
    note(promised, message)
    if (message.kind === 'checked' || message.kind === 'failed') ready.resolve()
  })
  const exited = Promise.all([once(child, 'exit'), once(lines, 'close')])
  await Promise.race([ready.promise, exited])
  await delay(afterMs)
  child.kill('SIGKILL')
  await exited
  return messages
}

/** What happened, over all lives. */
function countInto(seen: Record<string, number>, messages: readonly Message[]): void {
  const add = (what: string, times = 1) => {
    seen[what] = (seen[what] ?? 0) + times
  }
  const last = messages.findLast((message) => message.kind === 'stats')
  add('flushes', last?.flushes ?? 0)
  add('compactions', last?.compactions ?? 0)
  add('retention', last?.retentionDeletions ?? 0)
  for (const message of messages) {
    if (message.kind === 'acknowledged') add('commits')
    if (message.kind === 'deleted') add('deletions')
    if (message.kind === 'metadata') add('metadata')
    if (message.kind === 'did') add(message.what)
  }
}

const rare = ['flushes', 'compactions', 'retention', 'deletions', 'metadata', 'clean', 'snapshot']

test(`no acknowledged sample is lost by ${kills} kills at any instant`, { timeout: 20_000 + kills * 15_000 }, async () => {
  // A kill leaves what the system was given, disk or no disk; without one far more happens in a life.
  const folder = await mkdtemp(join(temporaryDir, 'modelwatch-kill-'))
  const random = createRandom(seed)
  const promised = nothingPromised()
  const seen: Record<string, number> = {}
  try {
    // A busy machine gives less time to a life: then there are more of them.
    for (let round = 0, isLast = false; !isLast; round++) {
      isLast = round >= kills && (rare.every((what) => (seen[what] ?? 0) > kills / 25) || round >= 3 * kills)
      const messages = await runAndKill({ folder, promised, afterMs: isLast ? 0 : random() * 700, seed: seed + round })
      const failed = messages.find(({ kind }) => kind === 'failed')
      expect(failed, `seed ${seed}, round ${round}`).toBeUndefined()
      expect(
        messages.some(({ kind }) => kind === 'checked'),
        `seed ${seed}, round ${round}: the store did not open`,
      ).toBe(true)
      countInto(seen, messages)
      forgetOld(promised)
    }
    console.log(
      `seed ${seed}: at least ${kills} kills, ${JSON.stringify(seen)}, ${Math.max(...promised.steps)} steps of the longest series`,
    )
    // Otherwise nothing was at stake.
    for (const what of ['commits', 'read']) expect(seen[what], what).toBeGreaterThan(kills)
    for (const what of rare) expect(seen[what], what).toBeGreaterThan(kills / 25)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
