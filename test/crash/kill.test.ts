import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { seriesCount } from './plan.ts'

const kills = Number(process.env.MODELWATCH_CRASH_KILLS ?? 50)
const seed = Number(process.env.MODELWATCH_SEED ?? Date.now() % 1_000_000)

interface Message {
  readonly kind: 'checked' | 'acknowledged' | 'failed' | 'warn' | 'stats'
  readonly message?: string
  readonly steps?: Record<string, number>
  readonly stats?: {
    samples: number
    disk: { flushes: number; checkpoints: number; blocks: { compactions: number; retentionDeletions: number } }
  }
}

/** Runs a writer and kills it some time after it has checked what the ones before it wrote. */
async function runAndKill(folder: string, acknowledged: number[], afterMs: number, round: number): Promise<Message[]> {
  const writer = join(import.meta.dirname, 'writer.ts')
  const child: ChildProcess = spawn(process.execPath, [writer, folder, JSON.stringify(acknowledged), String(seed + round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const messages: Message[] = []
  const lines = createInterface({ input: child.stdout! })
  const ready = Promise.withResolvers<void>()
  lines.on('line', (line) => {
    const message = JSON.parse(line) as Message
    messages.push(message)
    // A line is written before the next commit begins, so what it says was safe when the process died.
    for (const [s, steps] of Object.entries(message.steps ?? {})) acknowledged[Number(s)] = steps
    if (message.kind === 'checked' || message.kind === 'failed') ready.resolve()
  })
  const exited = Promise.all([once(child, 'exit'), once(lines, 'close')])
  await Promise.race([ready.promise, exited])
  await delay(afterMs)
  child.kill('SIGKILL')
  await exited
  return messages
}

test(`no acknowledged sample is lost by ${kills} kills at any instant`, { timeout: 20_000 + kills * 5000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modelwatch-kill-'))
  const random = createRandom(seed)
  const acknowledged = new Array<number>(seriesCount).fill(0)
  const seen = { commits: 0, flushes: 0, compactions: 0, deletions: 0 }
  try {
    for (let round = 0; round <= kills; round++) {
      const messages = await runAndKill(folder, acknowledged, round === kills ? 0 : random() * 700, round)
      const failed = messages.find(({ kind }) => kind === 'failed')
      expect(failed?.message, `seed ${seed}, round ${round}`).toBeUndefined()
      expect(
        messages.some(({ kind }) => kind === 'checked'),
        `seed ${seed}, round ${round}: the store did not open`,
      ).toBe(true)
      const last = messages.findLast(({ kind }) => kind === 'stats')?.stats?.disk
      seen.flushes += last?.flushes ?? 0
      seen.compactions += last?.blocks.compactions ?? 0
      seen.deletions += last?.blocks.retentionDeletions ?? 0
      seen.commits += messages.filter(({ kind }) => kind === 'acknowledged').length
    }
    console.log(`seed ${seed}: ${kills} kills, ${JSON.stringify(seen)}, ${Math.max(...acknowledged)} steps of the longest series`)
    // Otherwise nothing was at stake.
    expect(seen.commits).toBeGreaterThan(kills)
    expect(Math.min(seen.flushes, seen.compactions, seen.deletions)).toBeGreaterThan(kills / 10)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
