import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ModelSchema, parseModelSchema } from '../../../../watch/index.ts'
import type { LoadedModel, PredictOptions, RuntimeEvent } from '../contract.ts'
import { testContext } from '../testing.ts'
import { upstreamRuntime } from './index.ts'

/** A request as a server saw it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type Handler = (request: SeenRequest, response: ServerResponse, socket: Socket) => void

/** A real HTTP server that does what a test says, and remembers what it was asked. */
export interface TestServer {
  readonly url: string
  readonly port: number
  readonly seen: SeenRequest[]
  /** What it does from now on. */
  handler: Handler
  /** Ends every connection, and takes no more. */
  close(): Promise<void>
}

/** Starts it on a port of 127.0.0.1, a free one where none is named. */
export async function startServer(handler: Handler, { port = 0, tls }: { port?: number; tls?: ServerOptions } = {}): Promise<TestServer> {
  const seen: SeenRequest[] = []
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('error', () => {}) // A client that hangs up is what some tests are about.
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, path: url, headers, body: Buffer.concat(chunks).toString('utf8') }
      seen.push(one)
      found.handler(one, response, request.socket)
    })
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address() as AddressInfo
  const found: TestServer = {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${address.port}`,
    port: address.port,
    seen,
    handler,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
  return found
}

/** Answers with JSON. */
export function reply(
  response: ServerResponse,
  body: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** A schema of one number in and one out, as most tests here have it. */
export const doubling = parseModelSchema(
  'name: doubling\nfeatures: [{ name: a, type: number, nullable: true }]\noutputs: [{ name: y, kind: regression }]',
  { file: 'model.yaml' },
)

/** What a server of `doubling` does to `{"rows": [{"a": 1}]}`. */
export function double({ body }: SeenRequest): { y: number[] } {
  const { rows } = JSON.parse(body) as { rows: { a: number }[] }
  return { y: rows.map(({ a }) => a * 2) }
}

/** The part of upstream.yaml that fits it. */
export const doublingYaml = 'protocol: json\nrequest: { rows: $rows }\nresponse: { y: /y }\n'

export interface LoadedUpstream {
  readonly model: LoadedModel
  readonly events: RuntimeEvent[]
  /** `predict` of these values, as plain numbers. */
  predict(values: readonly number[], options?: PredictOptions): Promise<number[]>
}

/** Writes upstream.yaml into a folder of its own, and loads it. The caller unloads the model. */
export async function loadUpstream(yaml: string, schema: ModelSchema = doubling): Promise<LoadedUpstream> {
  const dir = await mkdtemp(join(tmpdir(), 'upstream-'))
  try {
    const path = join(dir, 'upstream.yaml')
    await writeFile(path, yaml)
    const context = testContext(upstreamRuntime)
    const model = await upstreamRuntime.load(path, schema, context)
    return {
      model,
      events: context.events,
      async predict(values, options) {
        const [y] = await model.predict({ rows: values.length, values: [Float64Array.from(values)] }, options)
        return Array.from(y as Float64Array)
      },
    }
  } finally {
    await rm(dir, { recursive: true })
  }
}
