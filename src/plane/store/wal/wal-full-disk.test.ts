import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { temporaryFolder } from './testing.ts'

/**
 * In a mount namespace of its own: a file system of 1 MiB is filled with other people's bytes until the log is refused, then room is made.
 * It prints what it saw as one line of JSON.
 */
const program = (folder: string) => `
  import { rmSync, writeFileSync, appendFileSync } from 'node:fs'
  import { RecordEncoder } from ${JSON.stringify(new URL('./record.ts', import.meta.url).href)}
  import { openWal } from ${JSON.stringify(new URL('./wal.ts', import.meta.url).href)}
  const folder = ${JSON.stringify(folder)}
  const lines = []
  const log = { warn: (_, message) => lines.push(message), error: (_, message) => lines.push(message) }
  const open = (config) => openWal(folder + '/wal', config, { log, quarantineDir: folder + '/bad' })
  const encoder = new RecordEncoder()
  const values = new Float64Array(1)
  const commit = (n) => {
    values[0] = n + 1 / 3
    for (let ref = 1; ref <= 1000; ref++) encoder.sample(ref, n, values, 0)
    return encoder.finish()
  }
  const handler = (seen) => ({ series() {}, samples(_, timesMs, __, length) { for (let i = 0; i < length; i++) seen[timesMs[i]] = (seen[timesMs[i]] ?? 0) + 1 }, tombstone() {}, metadata() {} })

  writeFileSync(folder + '/others', Buffer.alloc(700_000))
  const wal = await open({ retryMs: 20, segmentBytesMax: 100_000 })
  await wal.replay(0, handler({}))
  let accepted = 0, acknowledged = 0, refusal
  const waiting = []
  while (!wal.readOnly) {
    let isDone = false
    waiting.push(wal.append(commit(accepted++)).then(() => { acknowledged++; isDone = true }))
    // One at a time: until it is written, or the disk is full and it waits.
    while (!isDone && !wal.readOnly) await new Promise(setImmediate)
  }
  const reason = wal.readOnlyReason
  const whileFull = { accepted, acknowledged }
  await wal.append(commit(9999)).catch((error) => { refusal = error.code })
  rmSync(folder + '/others')
  await Promise.all(waiting)
  while (wal.readOnly) await new Promise(setImmediate)
  await wal.append(commit(accepted++))
  await wal.close()
  const seen = {}
  const again = await open({})
  const { damages } = await again.replay(0, handler(seen))
  await again.close()
  console.log(JSON.stringify({ reason, whileFull, refusal, accepted, seen: Object.values(seen), damages, lines }))
`

/** Why no file system of our own can be mounted, or undefined. */
function mountFault(folder: string): string | undefined {
  const tried = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { encoding: 'utf8' })
  if (tried.status === 0) return undefined
  return tried.error?.message ?? tried.stderr.trim()
}

test('a real full disk stops writing, loses nothing, and is gone on with when there is room', { timeout: 60_000 }, async (context) => {
  using folder = temporaryFolder()
  mkdirSync(folder.path)
  const fault = mountFault(folder.path)
  if (fault !== undefined) {
    if (process.env.CI === 'true')
      throw new Error(`needs a small file system of its own (unshare -Urm mount): ${fault}; in CI nothing may be skipped`)
    console.log(`skipped: needs a small file system of its own (unshare -Urm mount): ${fault}`)
    return context.skip(`cannot mount: ${fault}`)
  }
  const script = 'mount -t tmpfs -o size=1m tmpfs "$1" && exec "$2" --input-type=module -e "$3"'
  const child = spawn('unshare', ['-Urm', 'sh', '-c', script, 'sh', folder.path, process.execPath, program(folder.path)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  await once(child, 'close')
  const outcome = JSON.parse(said)
  expect(outcome.reason).toMatch(/^the disk is full \(ENOSPC: no space left on device, writev?\)/)
  expect(outcome.refusal).toBe('MW_STORE_READ_ONLY')
  // Some 300 kB were free, 9 kB a commit; the one that did not fit was waiting.
  expect(outcome.whileFull.accepted).toBeGreaterThan(20)
  expect(outcome.whileFull.acknowledged).toBe(outcome.whileFull.accepted - 1)
  expect(outcome.accepted).toBe(outcome.whileFull.accepted + 1)
  // Every commit is there, once and whole.
  expect(outcome.seen).toEqual(Array.from({ length: outcome.accepted }, () => 1000))
  expect(outcome.damages).toEqual([])
  expect(outcome.lines).toEqual(['the disk is full: no new samples are taken', 'the log is written again; everything that waited is in it'])
})
