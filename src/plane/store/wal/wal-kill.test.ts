import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createRandom } from '../../../core/random.ts'
import { recordingLog, temporaryFolder } from './testing.ts'
import { openWal } from './wal.ts'

const SAMPLES_PER_COMMIT = 50
const WRITERS = 4

/**
 * A process that goes on where the log ends: commit n holds samples of the refs 1 to 50, all of value n, at time n. Several writers commit at
 * once, segments are small, and old ones are cut away, so that a kill hits every step. It prints n once commit n is acknowledged.
 */
const program = (folder: string, fsyncIntervalMs: number) => `
  import { RecordEncoder } from ${JSON.stringify(new URL('./record.ts', import.meta.url).href)}
  import { openWal } from ${JSON.stringify(new URL('./wal.ts', import.meta.url).href)}
  import { writeSync } from 'node:fs'
  const log = { warn() {}, error(fields, message) { throw new Error(message) } }
  const config = { segmentBytesMax: 20_000, fsyncIntervalMs: ${fsyncIntervalMs} }
  const wal = await openWal(${JSON.stringify(join(folder, 'wal'))}, config, { log, quarantineDir: ${JSON.stringify(join(folder, 'bad'))} })
  let last = 0
  await wal.replay(0, { series() {}, samples(_, timesMs, __, length) { last = Math.max(last, timesMs[length - 1]) }, tombstone() {}, metadata() {} })
  const encoder = new RecordEncoder()
  const values = new Float64Array(1)
  async function commit() {
    const n = ++last
    values[0] = n
    for (let ref = 1; ref <= ${SAMPLES_PER_COMMIT}; ref++) encoder.sample(ref, n, values, 0)
    await wal.append(encoder.finish())
    writeSync(1, n + '\\n')
  }
  async function write() { for (;;) await commit() }
  async function trim() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 3))
      const segments = wal.segments
      await wal.cut()
      if (segments.length > 30) await wal.removeBefore(segments[segments.length - 20])
    }
  }
  await Promise.all([...Array.from({ length: ${WRITERS} }, write), trim()])
`

test.for([
  { kills: 20, fsyncIntervalMs: 5 },
  { kills: 6, fsyncIntervalMs: 0 },
])(
  'kill -9 loses nothing that was acknowledged, $kills times, fsync interval $fsyncIntervalMs ms',
  { timeout: 120_000 },
  async ({ kills, fsyncIntervalMs }) => {
    using folder = temporaryFolder()
    const seed = Date.now() % 1_000_000
    console.log(`seed ${seed}`)
    const random = createRandom(seed)
    let acknowledged = 0
    let total = 0
    for (let kill = 0; kill < kills; kill++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program(folder.path, fsyncIntervalMs)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const closed = once(child, 'close')
      let said = ''
      const killAfter = 1 + Math.floor(random() * 4000)
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text
        // Some bytes of output after the start, which is a random instant of its work.
        if (said.length > killAfter) child.kill('SIGKILL')
      })
      const [code, signal] = (await closed) as [number | null, string | null]
      expect([code, signal]).toEqual([null, 'SIGKILL'])
      // The last line may be torn, as the log may.
      const lines = said.slice(0, said.lastIndexOf('\n')).split('\n').map(Number)
      acknowledged = Math.max(acknowledged, ...lines)
      total += lines.length

      const found = await readLog(folder.path)
      expect(found.newest).toBeGreaterThanOrEqual(acknowledged)
      // A commit is there whole, and none is missing between those that are: at most the head was cut away on purpose.
      expect([...found.samplesOf].filter(([, samples]) => samples !== SAMPLES_PER_COMMIT)).toEqual([])
      expect(found.samplesOf.size).toBe(found.newest - found.oldest + 1)
    }
    expect(total).toBeGreaterThan(kills)
  },
)

async function readLog(folder: string) {
  const samplesOf = new Map<number, number>()
  const wal = await openWal(join(folder, 'wal'), {}, { log: recordingLog(), quarantineDir: join(folder, 'bad') })
  const { damages } = await wal.replay(0, {
    samples(refs, timesMs, values, length) {
      for (let i = 0; i < length; i++) {
        const n = timesMs[i]!
        const count = samplesOf.get(n) ?? 0
        // An assertion for each of a million samples would take longer than the log does.
        if (values[i] !== n || refs[i] !== (count % SAMPLES_PER_COMMIT) + 1)
          expect([refs[i], n, values[i]], `sample ${count} of commit ${n}`).toEqual([(count % SAMPLES_PER_COMMIT) + 1, n, n])
        samplesOf.set(n, count + 1)
      }
    },
    series: () => undefined,
    tombstone: () => undefined,
    metadata: () => undefined,
  })
  await wal.close()
  // Only the end of a segment may be torn.
  for (const { reason } of damages) expect(reason).toMatch(/cut off/)
  const numbers = [...samplesOf.keys()]
  return { samplesOf, oldest: Math.min(...numbers), newest: Math.max(...numbers) }
}
