import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createRandom } from '../../src/core/random.ts'
import { systemClock } from '../../src/core/time.ts'
import { openSqliteQueue } from '../../src/sources/serving/queue/sqlite/index.ts'
import { testQueueOptions } from '../../src/sources/serving/queue/test-task.ts'
import type { QueueMessage } from './queue-plan.ts'

const kills = Number(process.env.MODELWATCH_QUEUE_KILLS ?? 6)
const seed = Number(process.env.MODELWATCH_SEED ?? Date.now() % 1_000_000)
/** Processes on one file at a time. */
const WRITERS = 2

/** Runs a writer and kills it a while after it opened the queue. @returns what it said, all of it promised. */
async function runAndKill(file: string, afterMs: number): Promise<QueueMessage[]> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'queue-writer.ts'), file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const messages: QueueMessage[] = []
  const opened = Promise.withResolvers<void>()
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => {
    // The last line may have been cut by the kill, and is no promise then.
    if (!line.endsWith('}')) return
    messages.push(JSON.parse(line) as QueueMessage)
    opened.resolve()
  })
  const exited = Promise.all([once(child, 'exit'), once(lines, 'close')])
  await Promise.race([opened.promise, exited])
  await delay(afterMs)
  child.kill('SIGKILL')
  await exited
  return messages
}

test(`no promise of the queue is broken by ${kills} kills of two processes at any instant; seed ${seed}`, {
  timeout: 30_000 + kills * 10_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modelwatch-queue-kill-'))
  const file = join(folder, 'queue.db')
  const random = createRandom(seed)
  const accepted = new Set<string>()
  const stored = new Map<string, string>()
  try {
    for (let round = 0; round < kills; round++) {
      const lives = await Promise.all(Array.from({ length: WRITERS }, () => runAndKill(file, 30 + random() * 500)))
      for (const message of lives.flat()) {
        if (message.kind === 'accepted') accepted.add(message.id)
        if (message.kind !== 'stored') continue
        expect(stored.has(message.id), `seed ${seed}, round ${round}: a second result of ${message.id}`).toBe(false)
        stored.set(message.id, message.result)
      }
      const queue = await openSqliteQueue(file, testQueueOptions, { clock: systemClock })
      for (const id of accepted) {
        const task = await queue.get(id)
        expect(task?.state, `seed ${seed}, round ${round}: ${id}`).toMatch(/^(waiting|active|done)$/)
        if (stored.has(id)) expect(task).toMatchObject({ state: 'done', result: stored.get(id) })
      }
      await queue.close()
      expectWhole(file)
    }
    console.log(`seed ${seed}: ${accepted.size} accepted, ${stored.size} results`)
    // Otherwise nothing was at stake.
    expect(accepted.size).toBeGreaterThan(kills * 20)
    expect(stored.size).toBeGreaterThan(kills * 10)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** The file is sound, and the counts, which are kept apart from the tasks, agree with them. */
function expectWhole(file: string): void {
  const database = new DatabaseSync(file)
  try {
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    const counted = database.prepare('SELECT state, count(*) AS count FROM task GROUP BY state').all() as { state: number; count: number }[]
    const kept = database.prepare('SELECT waiting, active, delayed, done, dead, cancelled FROM lane').get()
    const names = ['waiting', 'active', 'delayed', 'done', 'dead', 'cancelled']
    expect(kept).toEqual(Object.fromEntries(names.map((name, state) => [name, counted.find((row) => row.state === state)?.count ?? 0])))
    for (const table of ['payload', 'result']) {
      const orphans = database.prepare(`SELECT count(*) AS count FROM ${table} WHERE seq NOT IN (SELECT seq FROM task)`).get()
      expect(orphans).toEqual({ count: 0 })
    }
  } finally {
    database.close()
  }
}
