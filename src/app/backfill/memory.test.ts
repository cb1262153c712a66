import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const root = await mkdtemp(join(tmpdir(), 'backfill-memory-'))
afterAll(() => rm(root, { recursive: true }))

/** Backfills so many samples, 100 series one after the other, in a process of its own. @returns its largest resident set, in bytes. */
async function peakOf(samples: number): Promise<number> {
  const program = `
    import { Readable } from 'node:stream'
    import { backfill } from ${JSON.stringify(import.meta.resolve('./backfill.ts'))}
    import { openStoreSink } from ${JSON.stringify(import.meta.resolve('./store-sink.ts'))}
    const log = { info() {}, warn() {}, error() {} }
    function* text() {
      for (let s = 0; s < 100; s++) {
        for (let from = 0; from < ${samples / 100}; from += 1000) {
          let lines = ''
          for (let i = from; i < from + 1000; i++) lines += 'some_metric_total{series="number ' + s + '",city="Ulm"} ' + ((s * i) % 1000) + ' ' + (1.6e9 + i * 60) + '\\n'
          yield Buffer.from(lines)
        }
      }
      yield Buffer.from('# EOF\\n')
    }
    const csv = { labels: {}, timeFormat: 'auto', skipBadRows: false }
    const { samples } = await backfill(
      { files: ['-'], csv, signal: new AbortController().signal },
      { stdin: Readable.from(text()), openSink: () => openStoreSink(${JSON.stringify(join(root, String(samples)))}, { log }, { samplesMax: 100_000, seriesMax: 1000 }) },
    )
    if (samples !== ${samples}) throw new Error('read ' + samples)
    process.stdout.write(String(process.resourceUsage().maxRSS * 1024))
  `
  // A small young generation: what is measured is what is kept, not what the collector lets lie.
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-semi-space-size=2', '--input-type=module', '-e', program])
  return Number(stdout)
}

test('memory does not grow with the file', async () => {
  const small = await peakOf(300_000)
  const large = await peakOf(1_200_000)
  // The 900,000 samples between them are 63 MB of text, and 14 MB as pairs of numbers.
  expect((large - small) / 1e6).toBeLessThan(60)
}, 60_000)
