import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { needs } from '../support/needs.ts'

const diskBytes = 6 * 1024 * 1024

test('a full disk refuses tasks, loses none, and the queue goes on by itself when there is room', { timeout: 60_000 }, async (ctx) => {
  needs(ctx, 'unshare')
  const folder = await mkdtemp(join(tmpdir(), 'modelwatch-queue-full-'))
  try {
    const writer = join(import.meta.dirname, 'queue-full-disk-writer.ts')
    // A file system of its own that ends with the process.
    const script = `mount -t tmpfs -o size=${diskBytes} tmpfs "$1" && exec "$2" "$3" "$1" ${diskBytes}`
    const { stdout } = await promisify(execFile)('unshare', ['-Urm', 'sh', '-c', script, 'sh', folder, process.execPath, writer])
    const seen = JSON.parse(stdout)
    expect(seen.code).toBe('MW_QUEUE_UNAVAILABLE')
    expect(seen.message).toMatch(/full|ENOSPC/)
    // All that was acknowledged was there meanwhile, and nothing else.
    expect(seen.readable).toBe(seen.acceptedWhenFull)
    expect(seen.waiting).toBe(seen.acceptedWhenFull)
    expect(seen.accepted).toBe(seen.acceptedWhenFull + 20)
    expect(seen.completed).toEqual(Array(5).fill('stored'))
    expect(seen.kept).toBe(seen.accepted)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
