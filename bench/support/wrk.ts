import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers that were not 2xx, and connections that failed. */
  readonly errors: number
}

export const hasWrk = () => spawnSync('wrk', ['--version']).error === undefined
const hasTaskset = spawnSync('taskset', ['--version']).error === undefined

/** Puts a program on one core, where the system can: server and client then do not share one. */
export const onCore = (core: number, command: readonly string[]): [string, ...string[]] =>
  (hasTaskset ? ['taskset', '-c', String(core), ...command] : [...command]) as [string, ...string[]]

/** A request's body, and what its headers say of it. */
export interface RequestBody {
  readonly bytes: string | Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** Sends one JSON body over and over, or several bodies in turns, each connection as fast as it is answered. */
export async function load(
  url: string,
  body: string | readonly RequestBody[],
  options: { connections: number; seconds: number },
): Promise<LoadResult> {
  const bodies = typeof body === 'string' ? [{ bytes: body, headers: { 'content-type': 'application/json' } }] : body
  const script = join(mkdtempSync(join(tmpdir(), 'wrk-')), 'post.lua')
  const lines = [
    'local requests, next = {}, 0',
    'init = function()',
    ...bodies.map(({ bytes, headers }) => `  requests[#requests + 1] = wrk.format("POST", nil, ${toTable(headers)}, ${toLua(bytes)})`),
    'end',
    'request = function() next = next % #requests + 1; return requests[next] end',
    'done = function(summary, latency)',
    '  local failed = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout',
    '  io.write(string.format("RESULT %f %f %f %d\\n", summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))',
    'end',
  ]
  writeFileSync(script, lines.join('\n'))
  const [program, ...args] = onCore(1, ['wrk', '-t1', `-c${options.connections}`, `-d${options.seconds}s`, '-s', script, url])
  const { stdout } = await promisify(execFile)(program, args)
  const [requestsPerSecond, p50Ms, p99Ms, errors] = /RESULT (\S+) (\S+) (\S+) (\S+)/.exec(stdout)!.slice(1).map(Number)
  return { requestsPerSecond: requestsPerSecond!, p50Ms: p50Ms!, p99Ms: p99Ms!, errors: errors! }
}

const toTable = (headers: RequestBody['headers']) =>
  `{ ${Object.entries(headers)
    .map(([name, value]) => `[${toLua(name)}] = ${toLua(value)}`)
    .join(', ')} }`

/** Bytes as a string of Lua's, each as its number. */
const toLua = (bytes: string | Buffer) =>
  `"${Array.from(Buffer.from(bytes as string), (byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
