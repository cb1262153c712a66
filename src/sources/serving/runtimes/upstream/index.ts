import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { Type } from 'typebox'
import { ModelwatchError, messageOf } from '../../../../core/errors.ts'
import type { ModelSchema } from '../../../../watch/index.ts'
import type { LoadContext, LoadedModel, Runtime } from '../contract.ts'
import { runtimeErrors } from '../errors.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { type ClientOptions, UpstreamClient } from './client.ts'
import { parseUpstream, toMs, type UpstreamConfig, type UpstreamFile } from './config.ts'
import { type Connection, openConnection } from './connection.ts'
import { createHeaders } from './credentials.ts'
import { bindJson } from './json-protocol.ts'
import { bindOpenInference } from './open-inference/open-inference-protocol.ts'
import { probeRow } from './probe-row.ts'
import type { Protocol } from './protocol.ts'
import { createUpstreamModel } from './upstream-model.ts'

/** Pauses between two looks at a server that is not there yet. */
const STARTUP_PAUSE_MS = 200

/** Asks an HTTP server that serves the model already; `upstream.yaml` says where it is and how it is talked to. */
export const upstreamRuntime: Runtime = {
  name: 'upstream',
  modelFiles: ['upstream.yaml'],
  settings: Type.Object({}, { additionalProperties: false, default: {} }),
  async load(modelPath, schema, context) {
    const file = parseUpstream(await readText(modelPath), modelPath)
    const config = file.parsed.value
    const connection = await connect(config)
    try {
      return await start(file, modelPath, schema, connection, context)
    } catch (error) {
      await connection.close()
      throw error
    }
  },
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw runtimeErrors.MW_MODEL_UNREADABLE(`${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
      hint: 'upstream.yaml says where the server of the model is.',
    })
  }
}

async function connect(config: UpstreamConfig): Promise<Connection> {
  const { tls } = config
  const [ca, cert, key] = await Promise.all(
    [tls.ca_file, tls.cert_file, tls.key_file].map((path) => (path === undefined ? undefined : readText(path))),
  )
  return openConnection({
    url: new URL(config.url),
    connections: config.connections,
    connectTimeoutMs: toMs(config.connect_timeout),
    responseBytesMax: config.response_bytes_max,
    tls: { ca, cert, key, serverName: tls.server_name, skipVerify: tls.insecure_skip_verify },
    headers: await createHeaders(config),
  })
}

async function start(
  file: UpstreamFile,
  modelPath: string,
  schema: ModelSchema,
  connection: Connection,
  context: LoadContext,
): Promise<LoadedModel> {
  const config = file.parsed.value
  const options: ClientOptions = {
    connections: config.connections,
    timeoutMs: toMs(config.timeout),
    retry: { resend: config.retry, attemptsMax: config.attempts_max, backoffMs: toMs(config.backoff) },
  }
  // While it is loaded, a server that comes up late is waited for, and nothing is held against it.
  const first = new UpstreamClient(options, { connection, breaker: undefined })
  const protocol = await whenReady(toMs(config.startup_wait), async () => {
    const bound = await bind(file, schema, first)
    if (config.probe) await probe(bound, first, schema, { connections: config.connections, modelPath })
    return bound
  })
  const breaker = new CircuitBreaker(
    {
      failureRatio: config.breaker.failure_ratio,
      windowMs: toMs(config.breaker.window),
      requestsMin: config.breaker.requests_min,
      openMs: toMs(config.breaker.open),
      trials: config.breaker.trials,
    },
    (state, message) => context.onEvent({ kind: 'circuit', state, message: `${connection.name}: ${message}` }),
  )
  const client = new UpstreamClient(options, { connection, breaker })
  return createUpstreamModel(protocol, client, schema, {
    connections: config.connections,
    repeatable: config.retry,
    close: () => connection.close(),
  })
}

async function bind(file: UpstreamFile, schema: ModelSchema, client: UpstreamClient): Promise<Protocol> {
  if (file.protocol === 'open-inference') return bindOpenInference(file.parsed.value, schema, client)
  const protocol = bindJson(file.parsed, schema, client.name)
  if (file.parsed.value.health !== undefined) await client.send({ method: 'GET', path: file.parsed.value.health })
  return protocol
}

/** Runs `once` again while the server is away or busy, for as long as `waitMs`. */
async function whenReady<T>(waitMs: number, once: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + waitMs
  for (;;) {
    try {
      return await once()
    } catch (error) {
      const away = error instanceof ModelwatchError && error.retryable
      if (!away || performance.now() + STARTUP_PAUSE_MS > endMs) throw error
      await pause(STARTUP_PAUSE_MS)
    }
  }
}

/** The surest proof that the server takes what model.yaml says and answers what it says. */
async function probe(
  protocol: Protocol,
  client: UpstreamClient,
  schema: ModelSchema,
  options: { connections: number; modelPath: string },
): Promise<void> {
  try {
    const model = createUpstreamModel(protocol, client, schema, {
      connections: options.connections,
      repeatable: false,
      close: async () => {},
    })
    await model.predict(probeRow(schema))
  } catch (error) {
    if (error instanceof ModelwatchError && (error.retryable || error.kind === 'timeout')) throw error
    throw runtimeErrors.MW_MODEL_MISMATCH(`${options.modelPath}: a row made from model.yaml fails: ${messageOf(error)}`, {
      cause: error,
      hint: 'Make upstream.yaml and model.yaml fit the server; where it cannot take a row of the lowest values of model.yaml, set probe: false.',
    })
  }
}
