import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { Value } from 'typebox/value'
import { afterEach, beforeEach, expect } from 'vitest'
import { systemClock } from '../../../../core/time.ts'
import { Registry } from '../../../../instrument/index.ts'
import { parseModelSchema } from '../../../../watch/index.ts'
import { createTestHost } from '../../models/testing.ts'
import { openQueue, type QueueOptions, type TaskQueue } from '../../queue/index.ts'
import { testQueueOptions } from '../../queue/testing.ts'
import { ServingConfig } from '../config.ts'
import { createGateway } from '../gateway.ts'
import { TasksConfig } from './config.ts'

const pictures = parseModelSchema(
  `name: pictures
features:
  - { name: photo, type: image }
  - { name: size, type: number }
outputs:
  - { name: cut, kind: value, type: image }
`,
  { file: 'model.yaml' },
)

/** A row of the model `demo`. */
export const testRow = { wind: 3.5, sky: 'sun' }

export interface TaskGateway {
  readonly app: FastifyInstance
  readonly queue: TaskQueue
  readonly registry: Registry
  /** What the gateway called its own fault. */
  readonly faults: readonly unknown[]
  /** Submits a row, unless told otherwise. */
  submit(options?: Partial<InjectOptions>): Promise<LightMyRequestResponse>
  get(url: string): Promise<LightMyRequestResponse>
  close(): Promise<void>
}

/**
 * A task gateway of its own for each test of a file, which must have told no fault by its end.
 * @param onOpen - Told of each.
 * @returns what replaces the gateway of a test by one with other options.
 */
export function useTaskGateway(onOpen: (gateway: TaskGateway) => void): (...options: Parameters<typeof openTaskGateway>) => Promise<void> {
  let gateway: TaskGateway
  const open = async (...options: Parameters<typeof openTaskGateway>) => {
    gateway = await openTaskGateway(...options)
    onOpen(gateway)
  }
  beforeEach(() => open())
  afterEach(async () => {
    expect(gateway.faults).toEqual([])
    await gateway.close()
  })
  return async (...options) => {
    await gateway.close()
    await open(...options)
  }
}

/** A gateway with the scripted models `demo` and `pictures`, which takes a picture, and a queue in a file; webhooks may go to https alone. It does not listen. */
export async function openTaskGateway(
  options: Partial<QueueOptions> = {},
  config: Partial<TasksConfig> = {},
  serving: Partial<ServingConfig> = {},
): Promise<TaskGateway> {
  const faults: unknown[] = []
  const dir = await mkdtemp(join(tmpdir(), 'tasks-'))
  const queueOptions = { ...testQueueOptions, ...options }
  const queue = await openQueue('sqlite:queue.db', dir, queueOptions, { clock: systemClock })
  const registry = new Registry()
  const models = [
    createTestHost({ registry, clock: systemClock }),
    createTestHost({ registry, clock: systemClock, schema: pictures, reference: undefined }),
  ].flatMap(({ host }) => host.models)
  const host = { models, get: (name: string) => models.find(({ schema }) => schema.name === name), close: async () => {} }
  const tasks = { ...(Value.Default(TasksConfig, {}) as TasksConfig), ...config }
  const full = { ...(Value.Default(ServingConfig, {}) as ServingConfig), ...serving, tasks }
  const app = await createGateway(host, full, {
    registry,
    clock: systemClock,
    version: '0.0.0',
    onError: (error) => faults.push(error),
    tasks: {
      queue,
      resultsMs: queueOptions.resultsMs,
      webhookFault: (url) => (url.startsWith('https://') ? undefined : 'it is not https'),
    },
  })
  return {
    app,
    queue,
    registry,
    faults,
    submit: (inject = {}) => app.inject({ method: 'POST', url: '/v1/models/demo/tasks', payload: testRow, ...inject }),
    get: (url) => app.inject({ method: 'GET', url }),
    async close() {
      await app.close()
      await queue.close()
      await rm(dir, { recursive: true })
    },
  }
}
