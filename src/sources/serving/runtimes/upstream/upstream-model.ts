import type { Column, Columns, ModelSchema } from '../../../../watch/index.ts'
import type { LoadedModel, PredictOptions } from '../contract.ts'
import { runtimeErrors } from '../errors.ts'
import type { UpstreamClient } from './client.ts'
import { createOutputColumn, type OutputColumn } from './output-columns.ts'
import type { Protocol } from './protocol.ts'

export interface UpstreamModelOptions {
  /** Whether the server may see a row twice. */
  readonly repeatable: boolean
  readonly connections: number
  close(): Promise<void>
}

/** A model whose rows are sent to a server, all in one request or each in its own. */
export function createUpstreamModel(
  protocol: Protocol,
  client: UpstreamClient,
  schema: ModelSchema,
  options: UpstreamModelOptions,
): LoadedModel {
  const { connections, repeatable, close } = options
  let underWay = 0
  let whenIdle: (() => void) | undefined
  let unloaded: Promise<void> | undefined

  async function call(columns: Columns, into: readonly OutputColumn[], { deadlineMs }: PredictOptions): Promise<void> {
    if (protocol.batch) {
      protocol.decode(await client.send(protocol.encode(columns, 0, columns.rows), { deadlineMs }), into, 0, columns.rows)
      return
    }
    // A row that fails fails the call: the answers to its neighbours are wanted no more.
    const stop = new AbortController()
    let next = 0
    const sendRows = async () => {
      while (next < columns.rows && !stop.signal.aborted) {
        const row = next++
        const answer = await client.send(protocol.encode(columns, row, row + 1), { deadlineMs, signal: stop.signal })
        if (!stop.signal.aborted) protocol.decode(answer, into, row, row + 1)
      }
    }
    let failure: { readonly error: unknown } | undefined
    const senders = Array.from({ length: Math.min(client.width, columns.rows) }, () =>
      sendRows().catch((error: unknown) => {
        failure ??= { error }
        stop.abort()
      }),
    )
    await Promise.all(senders)
    if (failure !== undefined) throw failure.error
  }

  return {
    async predict(columns, limits = {}): Promise<readonly Column[]> {
      if (unloaded !== undefined)
        throw runtimeErrors.MW_MODEL_DOWN(`${schema.name} is unloaded: nothing is sent to ${client.name} any more`)
      if (limits.deadlineMs !== undefined && limits.deadlineMs <= performance.now()) {
        throw runtimeErrors.MW_DEADLINE_PASSED(`the deadline passed before anything was sent to ${client.name}`)
      }
      const into = schema.outputs.map((output) => createOutputColumn(output, columns.rows, protocol))
      if (columns.rows > 0) {
        underWay++
        try {
          await call(columns, into, limits)
        } finally {
          underWay--
          if (underWay === 0) whenIdle?.()
        }
      }
      return into.map(({ column }) => column)
    },
    concurrency: connections,
    repeatable,
    threads: undefined,
    unload() {
      unloaded ??= (async () => {
        if (underWay > 0) await new Promise<void>((resolve) => (whenIdle = resolve))
        await close()
      })()
      return unloaded
    },
  }
}
