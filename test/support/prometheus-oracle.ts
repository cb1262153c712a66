import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPrometheus } from './prometheus.ts'

/** One series to write: columns of equal length, times rising. A staleness marker is a NaN of particular bits, so values stay in their column. */
export interface OracleSeries {
  readonly labels: readonly (readonly [name: string, value: string])[]
  readonly timesMs: readonly number[]
  readonly values: Float64Array
}

export interface OracleAnswer {
  readonly status: 'success' | 'error'
  readonly error?: string
  readonly errorType?: string
  readonly warnings?: readonly string[]
  readonly infos?: readonly string[]
  readonly data?: { readonly resultType: string; readonly result: unknown; readonly stats?: unknown }
}

/** A real Prometheus that takes samples of any age by remote write and answers what it makes of a query. */
export interface Oracle {
  readonly url: string
  write(series: readonly OracleSeries[]): Promise<void>
  ask(path: string, params: Readonly<Record<string, string>>): Promise<OracleAnswer>
  stop(): Promise<void>
}

/** Starts an empty Prometheus and waits until it answers. @param features - Of `--enable-feature`. */
export async function startOracle(program: string, features: readonly string[]): Promise<Oracle> {
  const dir = mkdtempSync(join(tmpdir(), 'modelwatch-oracle-'))
  writeFileSync(join(dir, 'prometheus.yml'), 'global:\n  evaluation_interval: 1m\n')
  const flags = [
    '--web.enable-remote-write-receiver',
    '--storage.tsdb.retention.time=200y',
    // Samples of any age go into the head as long as it covers them.
    '--storage.tsdb.min-block-duration=36500d',
    '--storage.tsdb.max-block-duration=36500d',
    `--enable-feature=${features.join(',')}`,
  ]
  const { url, stop } = await startPrometheus(program, join(dir, 'prometheus.yml'), flags)
  return {
    url,
    async stop() {
      await stop()
      rmSync(dir, { recursive: true, force: true })
    },
    async write(series) {
      const reply = await fetch(`${url}/api/v1/write`, {
        method: 'POST',
        body: inSnappyLiterals(toWriteRequest(series)),
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
        },
      })
      if (!reply.ok) throw new Error(`remote write: ${reply.status} ${await reply.text()}`)
      await reply.arrayBuffer()
    },
    async ask(path, params) {
      const reply = await fetch(`${url}${path}`, { method: 'POST', body: new URLSearchParams(params) })
      return (await reply.json()) as OracleAnswer
    },
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** A length-delimited field of a protobuf message. */
const field = (number: number, content: Buffer) => Buffer.concat([varint(number * 8 + 2), varint(content.length), content])

function toWriteRequest(all: readonly OracleSeries[]): Buffer {
  return Buffer.concat(
    all.map(({ labels, timesMs, values }) => {
      const bits = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
      const pairs = labels.map(([name, value]) => field(1, Buffer.concat([field(1, Buffer.from(name)), field(2, Buffer.from(value))])))
      const samples = timesMs.map((timeMs, i) =>
        field(2, Buffer.concat([Buffer.from([9]), bits.subarray(i * 8, i * 8 + 8), Buffer.from([16]), varint(timeMs)])),
      )
      return field(1, Buffer.concat([...pairs, ...samples]))
    }),
  )
}

/** Snappy's block format without compression. */
function inSnappyLiterals(raw: Buffer): Buffer {
  const parts = [varint(raw.length)]
  for (let at = 0; at < raw.length; at += 65_536) {
    const part = raw.subarray(at, at + 65_536)
    parts.push(Buffer.from([61 << 2, (part.length - 1) & 255, (part.length - 1) >> 8]), part)
  }
  return Buffer.concat(parts)
}
