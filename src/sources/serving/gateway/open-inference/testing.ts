import type { FastifyInstance } from 'fastify'
import { Value } from 'typebox/value'
import { Registry } from '../../../../instrument/index.ts'
import type { ModelSchema, Reference } from '../../../../watch/index.ts'
import { createTestHost } from '../../models/testing.ts'
import type { LoadedModel } from '../../runtimes/contract.ts'
import { ServingConfig } from '../config.ts'
import { createGateway } from '../gateway.ts'

export interface TestProtocol {
  readonly app: FastifyInstance
  readonly errors: unknown[]
  /** Posts a body to an address under /v2: text as it is, anything else as JSON. */
  post(path: string, body: unknown): Promise<Answer>
  get(path: string): Promise<Answer>
  /** Series of the metrics page that match, without their model and revision. */
  series(pattern: RegExp): Promise<string[]>
}

export interface Answer {
  readonly status: number
  readonly text: string
  readonly body: Record<string, unknown>
  readonly headers: Readonly<Record<string, unknown>>
}

/** A gateway that serves one model, revision v1: the scripted `demo`, or another. It does not listen. */
export async function createTestProtocol(
  model?: { readonly schema: ModelSchema; readonly loaded: LoadedModel; readonly reference?: Reference },
  config: Partial<ServingConfig> = {},
): Promise<TestProtocol> {
  const full: ServingConfig = { ...(Value.Default(ServingConfig, {}) as ServingConfig), ...config }
  const registry = new Registry()
  const errors: unknown[] = []
  const clock = { now: () => 1_000_000 }
  const { host } = createTestHost({ registry, clock, config: full, ...model })
  const app = await createGateway(host, full, {
    registry,
    clock,
    version: '1.2.3',
    tasks: undefined,
    onError: (error) => errors.push(error),
  })
  const toAnswer = (response: { statusCode: number; payload: string; headers: Readonly<Record<string, unknown>> }): Answer => ({
    status: response.statusCode,
    text: response.payload,
    body: JSON.parse(response.payload) as Record<string, unknown>,
    headers: response.headers,
  })
  return {
    app,
    errors,
    async post(path, body) {
      const payload = typeof body === 'string' ? body : JSON.stringify(body)
      return toAnswer(await app.inject({ method: 'POST', url: `/v2${path}`, payload, headers: { 'content-type': 'application/json' } }))
    },
    async get(path) {
      return toAnswer(await app.inject({ method: 'GET', url: `/v2${path}` }))
    },
    async series(pattern) {
      const { payload } = await app.inject('/metrics')
      const lines = payload.split('\n').map((line) => line.replace(/model="[^"]*",revision="v1",?/, ''))
      return lines.filter((line) => pattern.test(line))
    },
  }
}
