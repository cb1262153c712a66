import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { needs } from '../support/needs.ts'

const diskBytes = 6 * 1024 * 1024

test('a full disk refuses samples, loses none, and goes on by itself when there is room', { timeout: 60_000 }, async (ctx) => {
  needs(ctx, 'unshare')
  const folder = await mkdtemp(join(tmpdir(), 'modelwatch-full-'))
  try {
    const writer = join(import.meta.dirname, 'full-disk-writer.ts')
    // A file system of its own that ends with the process.
    const script = `mount -t tmpfs -o size=${diskBytes} tmpfs "$1" && exec "$2" "$3" "$1" ${diskBytes}`
    const { stdout } = await promisify(execFile)('unshare', ['-Urm', 'sh', '-c', script, 'sh', folder, process.execPath, writer])
    const seen = JSON.parse(stdout)
    expect(seen.refusal).toBe('MW_STORE_READ_ONLY')
    expect(seen.reason).toContain('ENOSPC')
    // Queries answered meanwhile, with everything that was acknowledged.
    expect(seen.samplesWhenFull).toBeGreaterThanOrEqual(seen.acknowledgedWhenFull * seen.series)
    expect(seen.acknowledged).toBe(seen.steps)
    expect(seen.samples).toBe(seen.steps * seen.series)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
