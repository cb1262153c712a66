/**
 * How long it takes to bring history in: OpenMetrics text of 1,000 series, 15 s apart, 20 million samples, through the command into an empty folder.
 *
 *   node bench/backfill.bench.ts
 */
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SERIES = 1000
const STEPS = 20_000
const dir = mkdtempSync(join(tmpdir(), 'modelwatch-backfill-'))
const file = join(dir, 'history.om')
const data = join(dir, 'data')

/** Series by series, as `promtool tsdb dump-openmetrics` writes them: a third are gauges, two thirds counters. */
function writeHistory(): void {
  const out = openSync(file, 'w')
  const start = Math.floor(Date.now() / 1000) - STEPS * 15
  for (let s = 0; s < SERIES; s++) {
    const labels = `bench_${s % 100}{instance="10.0.0.${s % 50}:9100",id="${s}"}`
    let text = ''
    let value = 0
    for (let step = 0; step < STEPS; step++) {
      value = s % 3 === 0 ? Math.round(Math.random() * 10_000) / 100 : value + Math.floor(Math.random() * 100)
      text += `${labels} ${value} ${start + step * 15}\n`
    }
    writeSync(out, text)
  }
  writeSync(out, '# EOF\n')
  closeSync(out)
}

function bytesOf(path: string): number {
  const stat = statSync(path)
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0) : stat.size
}

try {
  writeHistory()
  const command = [join(import.meta.dirname, '../bin/modelwatch.js'), 'backfill', '--storage.path', data, file]
  const startTick = performance.now()
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] })
  let peakKiB = 0
  const timer = setInterval(() => {
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
    peakKiB = Math.max(peakKiB, Number(peak ?? 0))
  }, 200)
  const code = await new Promise((resolve) => child.once('exit', resolve))
  clearInterval(timer)
  if (code !== 0) throw new Error(`backfill ended with ${code}`)
  const seconds = (performance.now() - startTick) / 1000
  console.log(
    `${(SERIES * STEPS) / 1e6} million samples, ${(statSync(file).size / 1e9).toFixed(1)} GB of text: ${seconds.toFixed(1)} s, ` +
      `${Math.round(peakKiB / 1024)} MiB at most, ${(bytesOf(data) / (SERIES * STEPS)).toFixed(2)} bytes a sample`,
  )
} finally {
  rmSync(dir, { recursive: true, force: true })
}
