import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { openBlockSet } from './block-set.ts'
import { CRASH_SAMPLES, CRASH_SERIES, crashConfig, crashSeries, createTestLog, expected, readBlock, writeSeries } from './testing.ts'

type Found = Map<string, (readonly [number, number])[]>

/** Opens the set and reads everything, block after block. */
async function readAll(dir: string): Promise<Found> {
  const log = createTestLog()
  const set = await openBlockSet(dir, crashConfig(dir), { log, clock: { now: () => 0 } })
  expect(log.lines.filter(({ level }) => level === 'error')).toEqual([])
  const found: Found = new Map()
  for (const block of set.blocks) {
    const { series, warnings } = await readBlock(block)
    expect(warnings).toEqual([])
    // Blocks come in the order of time; a sample that stands in two would break it.
    for (const [name, samples] of Object.entries(series)) found.set(name, [...(found.get(name) ?? []), ...samples])
  }
  await set.close()
  return found
}

const written: ReturnType<typeof expected>[] = []

/** Whether what was read are the samples of the first `count` blocks, each once. */
function expectBlocks(found: Found, count: number): void {
  while (written.length < count) written.push(expected(crashSeries(written.length)))
  expect(found.size).toBe(count === 0 ? 0 : CRASH_SERIES)
  for (const [name, samples] of found) {
    const want = written.slice(0, count).flatMap((block) => block[name]!)
    const wrong = want.findIndex(([timeMs, value], i) => samples[i]?.[0] !== timeMs || samples[i]?.[1] !== value)
    expect([samples.length, wrong], name).toEqual([want.length, -1])
  }
}

const run = (call: string) => [
  '--input-type=module',
  '-e',
  `(await import(${JSON.stringify(new URL('./testing.ts', import.meta.url).href)})).${call}`,
]

test('killed before each step of a compaction in the file system, the blocks hold every sample once', { timeout: 120_000 }, async () => {
  const parent = await mkdtemp(join(tmpdir(), 'block-steps-'))
  const base = join(parent, 'base')
  for (let number = 0; number < 4; number++) await writeSeries(base, crashSeries(number))
  const seen = new Set<string>()
  for (let step = 0; ; step++) {
    const dir = join(parent, String(step))
    await cp(base, dir, { recursive: true })
    const child = spawn(process.execPath, run(`crashAtStep(${JSON.stringify(dir)}, ${step})`), { stdio: ['ignore', 'pipe', 'inherit'] })
    const [output, [, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    expect(signal).toBe(output === 'done\n' ? null : 'SIGKILL')
    // In which of its states it died: blocks, and what was being written or deleted.
    seen.add(
      (await readdir(dir))
        .map((name) => name.split('.')[1] ?? 'block')
        .sort()
        .join(),
    )
    expectBlocks(await readAll(dir), 4)
    if (output !== '') break
    expect(step).toBeLessThan(200)
  }
  // Before; while writing; old and new side by side; sources deleted one by one; after.
  expect([...seen]).toEqual(
    expect.arrayContaining(['block,block,block,block', 'block,block,block,block,tmp', 'block,block,block,block,block', 'block,block']),
  )
  expect([...seen].filter((state) => state.includes('deleted'))).not.toEqual([])
  await rm(parent, { recursive: true })
})

const KILLS = Number(process.env.MODELWATCH_CRASH_KILLS ?? 24)

test(`killed at ${KILLS} random instants of writing and compacting, the blocks hold every sample once`, {
  timeout: 60_000 + KILLS * 5_000,
}, async () => {
  const seed = Date.now() % 1_000_000
  console.log(`seed ${seed}`)
  const random = createRandom(seed)
  const dir = await mkdtemp(join(tmpdir(), 'block-crash-'))
  let safe = 0
  let leftovers = 0
  let compactions = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, run(`crashLoop(${JSON.stringify(dir)}, ${safe})`), { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface(child.stdout)
    const after = Math.floor(random() * 5)
    let seen = 0
    for await (const line of lines) {
      if (line === 'c') compactions++
      else safe = Number(line.slice(1)) + 1
      if (seen++ !== after) continue
      // Some microseconds to milliseconds into what comes next; what it said meanwhile is still read.
      for (let spin = Math.floor(random() ** 2 * 3_000_000); spin > 0; spin--);
      child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    leftovers += (await readdir(dir)).filter((name) => name.includes('.')).length

    const found = await readAll(dir)
    // What was being written when the process died is there whole, or not at all.
    const count = (found.values().next().value?.length ?? 0) / CRASH_SAMPLES
    expect(count === safe || count === safe + 1, `${count} blocks, ${safe} were said to be safe`).toBe(true)
    safe = count
    expectBlocks(found, count)
  }
  console.log(`${safe} blocks, ${compactions} compactions, ${leftovers} folders found half-done`)
  expect(compactions).toBeGreaterThan(KILLS / 4)
  await rm(dir, { recursive: true })
})
