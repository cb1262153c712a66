import type { FastifyInstance } from 'fastify'
import { Value } from 'typebox/value'
import { Registry } from '../../../instrument/index.ts'
import type { ModelHost, ServedModel } from '../models/contract.ts'
import { createTestHost, type ScriptedModel } from '../models/testing.ts'
import { ServingConfig } from './config.ts'
import { createGateway } from './gateway.ts'

export { FAILING_WIND, NAN_WIND } from '../models/testing.ts'

export interface TestGateway {
  readonly app: FastifyInstance
  readonly model: ScriptedModel
  readonly registry: Registry
  readonly errors: unknown[]
  readonly host: ModelHost
  readonly served: ServedModel
  nowMs: number
}

/** A gateway that serves the scripted model as `demo`, revision v1; it does not listen: use `app.inject`. */
export async function createTestGateway(config: Partial<ServingConfig> = {}): Promise<TestGateway> {
  const full: ServingConfig = { ...(Value.Default(ServingConfig, {}) as ServingConfig), ...config }
  const registry = new Registry()
  const errors: unknown[] = []
  const gateway = { registry, errors, nowMs: 1_000_000 }
  const clock = { now: () => gateway.nowMs }
  const { host, model } = createTestHost({ registry, clock, config: full })
  const app = await createGateway(host, full, {
    registry,
    clock,
    version: '0.0.0',
    tasks: undefined,
    onError: (error) => errors.push(error),
  })
  return Object.assign(gateway, { app, model, host, served: host.models[0]! })
}
