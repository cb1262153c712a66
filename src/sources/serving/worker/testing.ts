import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Value } from 'typebox/value'
import { createRandom } from '../../../core/random.ts'
import { type Clock, systemClock } from '../../../core/time.ts'
import { Registry } from '../../../instrument/index.ts'
import type { Column, Columns } from '../../../watch/index.ts'
import { testSchema } from '../../../watch/testing.ts'
import type { ModelHost } from '../models/contract.ts'
import { createTestHost } from '../models/testing.ts'
import { openQueue, type QueueConfig, type QueueOptions, type TaskQueue } from '../queue/index.ts'
import { testQueueOptions, testTask } from '../queue/testing.ts'
import type { LoadedModel, ModelThreads } from '../runtimes/contract.ts'
import { WorkConfig } from './config.ts'
import type { Worker, WorkerDeps } from './contract.ts'
import { createWorker } from './worker.ts'

export type { QueueConfig }

/** A model whose answer is a function of the wind, for each call. */
export class FunctionModel implements LoadedModel {
  concurrency = 1
  threads: ModelThreads | undefined
  /** Winds of each call, in order. */
  readonly calls: number[][] = []
  readonly #answer: (winds: readonly number[], call: number) => Promise<number[]> | number[]

  constructor(answer: (winds: readonly number[], call: number) => Promise<number[]> | number[]) {
    this.#answer = answer
  }

  async predict(columns: Columns): Promise<readonly Column[]> {
    const winds = [...(columns.values[0] as Float64Array)]
    this.calls.push(winds)
    return [Float64Array.from(await this.#answer(winds, this.calls.length))]
  }

  async unload(): Promise<void> {}
}

export const twice = (winds: readonly number[]) => winds.map((wind) => wind * 2)

export interface TestQueue {
  readonly queue: TaskQueue
  /** Another handle on the same file, as another process has it. */
  another(): Promise<TaskQueue>
  close(): Promise<void>
}

/** A queue of its own on disk. */
export async function openTestQueue(options: Partial<QueueOptions> = {}, clock: Clock = systemClock): Promise<TestQueue> {
  const dir = await mkdtemp(join(tmpdir(), 'worker-'))
  const handles: TaskQueue[] = []
  const another = async () => {
    const queue = await openQueue(
      'sqlite:queue.db',
      dir,
      { ...testQueueOptions, retryDelayMs: 1, retryDelayMsMax: 5, ...options },
      { clock },
    )
    handles.push(queue)
    return queue
  }
  return {
    queue: await another(),
    another,
    async close() {
      await Promise.all(handles.map((handle) => handle.close()))
      await rm(dir, { recursive: true })
    },
  }
}

export interface TestWorker {
  readonly worker: Worker
  readonly registry: Registry
  readonly host: ModelHost
  readonly errors: { readonly error: unknown; readonly context: Readonly<Record<string, unknown>> }[]
}

export interface TestWorkerOptions {
  readonly config?: Partial<WorkConfig>
  readonly leaseMs?: number
  readonly deps?: Partial<WorkerDeps>
}

/** A worker for these models by name, each in revision v1, on a queue. It is not started. */
export function createTestWorker(
  queue: TaskQueue,
  models: Readonly<Record<string, LoadedModel>>,
  options: TestWorkerOptions = {},
): TestWorker {
  const registry = new Registry()
  const hosts = Object.entries(models).map(([name, loaded]) =>
    createTestHost({ registry, clock: systemClock, loaded, schema: { ...testSchema, name }, reference: undefined }),
  )
  const served = hosts.flatMap(({ host }) => host.models)
  const host: ModelHost = {
    models: served,
    get: (name) => served.find(({ schema }) => schema.name === name),
    close: async () => void (await Promise.all(hosts.map(({ host }) => host.close()))),
  }
  const errors: TestWorker['errors'] = []
  const worker = createWorker(
    {
      config: { ...(Value.Default(WorkConfig, {}) as WorkConfig), ...options.config },
      leaseMs: options.leaseMs ?? testQueueOptions.leaseMs,
      batchRowsMax: 256,
      processors: 2,
      laneWorkMs: 50,
      name: 'test',
    },
    {
      queue,
      host,
      registry,
      clock: systemClock,
      random: createRandom(7),
      webhookBody: ({ id, state }) => JSON.stringify({ id, state }),
      onError: (error, context) => errors.push({ error, context }),
      ...options.deps,
    },
  )
  return { worker, registry, host, errors }
}

/** Submits a task of rows with these winds. @returns its id. */
export async function submitWinds(
  queue: TaskQueue,
  winds: readonly number[],
  options: Parameters<typeof testTask>[1] = {},
): Promise<string> {
  const payload = JSON.stringify({ rows: winds.map((wind) => ({ wind, sky: 'sun' })) })
  const task = testTask(systemClock, { queue: 'demo', revision: 'v1', rows: winds.length, payload, ...options })
  await queue.submit(task)
  return task.id
}
