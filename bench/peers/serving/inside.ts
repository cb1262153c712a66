import { request } from 'undici'
import type { Report } from '../lib/report.ts'
import type { Measurement } from './gateway-process.ts'
import { loadInTurns } from './in-turns.ts'
import { type RunningSubject, startGatewayProcess } from './subjects.ts'
import type { Wine, WineRow } from './wine.ts'

const connectionCounts = [16, 64] as const
const RATIO_MAX = 0.05
const MICROS_MAX = 2

/**
 * The gateway with and without its bookkeeping (bins, invariants, memory for labels), side by side: two processes on core 0, asked in turns.
 * And the same in a loop, inside the process.
 */
export async function measureBookkeeping(wine: Wine, report: Report): Promise<void> {
  const running = new Map<'on' | 'off', RunningSubject>()
  try {
    for (const bookkeeping of ['on', 'off'] as const) running.set(bookkeeping, await startGatewayProcess(wine, bookkeeping))
    report.line('\nbookkeeping of modelwatch: the same program with it and without, one row a request, on core 0 in turns\n')
    const widths = [12, 12, 14, 8]
    report.row(['connections', 'with', 'without', 'costs'], widths)
    for (const connections of connectionCounts) {
      const { on, off } = await loadInTurns(running, wine, connections)
      report.row([connections, on.toFixed(0), off.toFixed(0), `${((1 - on / off) * 100).toFixed(1)} %`], widths)
    }
    const micros = await ask(running.get('on')!, { kind: 'bookkeeping', row: wine.rows[0], rows: 200_000 })
    report.line(`\n  of the throughput (bar ${RATIO_MAX * 100} %); in a loop ${micros.toFixed(2)} µs a row (bar ${MICROS_MAX})`)
  } finally {
    for (const { stop } of running.values()) await stop()
  }
}

/** @returns rows a second of onnxruntime alone on these requests in turns, in a process that has loaded all that the gateway has. */
export async function measureSession(wine: Wine, batches: readonly (readonly WineRow[])[], seconds: number): Promise<number> {
  const running = await startGatewayProcess(wine, 'on')
  try {
    return await ask(running, { kind: 'session', batches, seconds })
  } finally {
    await running.stop()
  }
}

async function ask({ oneRow }: RunningSubject, measurement: Measurement): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const { body } = await request(new URL('/bench', oneRow.url), { method: 'POST', headers, body: JSON.stringify(measurement) })
  return ((await body.json()) as { result: number }).result
}
