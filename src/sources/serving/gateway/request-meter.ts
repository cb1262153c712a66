import type { FastifyInstance } from 'fastify'
import { MS_PER_SECOND } from '../../../core/time.ts'
import type { Counter, Histogram, Registry } from '../../../instrument/index.ts'
import { gatewayFamilies as families } from './families.ts'

/** Counts and times the requests of one route. */
export interface RouteMeter {
  started(): void
  /** @param code - HTTP status answered; 499 when the client went away first. */
  ended(code: number, elapsedMs: number): void
}

export interface RequestMeter {
  route(model: string, revision: string, api: string): RouteMeter
}

const CLIENT_GONE = 499

declare module 'fastify' {
  interface FastifyContextConfig {
    meter?: RouteMeter
  }
}

export function createRequestMeter(registry: Registry): RequestMeter {
  const inFlight = new Map<string, Float64Array>()
  return {
    route(model, revision, api) {
      const key = `${model} ${revision}`
      const gauge = inFlight.get(key) ?? registry.vector(families.inFlight, [{ model, revision }])
      inFlight.set(key, gauge)
      const codes = new Map<number, Counter>()
      const duration: Histogram = registry.histogram(families.requestDuration, { model, revision, api })
      const count = (code: number) => {
        let counter = codes.get(code)
        if (counter === undefined) {
          counter = registry.counter(families.requests, { model, revision, api, code: String(code) })
          codes.set(code, counter)
        }
        return counter
      }
      count(200) // Stands at 0 from the start, so that no first increase is lost.
      return {
        started: () => {
          gauge[0]! += 1
        },
        ended: (code, elapsedMs) => {
          gauge[0]! -= 1
          count(code).add()
          duration.observe(elapsedMs / MS_PER_SECOND)
        },
      }
    },
  }
}

/**
 * Starts and stops the meter of every route that has one. A response closes exactly once, whatever way its request ends; Fastify's own
 * hook is silent about a client that goes away in the middle of its body.
 */
export function meterRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const meter = request.routeOptions.config.meter
    if (meter !== undefined) {
      const startMs = performance.now()
      meter.started()
      reply.raw.once('close', () => meter.ended(reply.raw.writableFinished ? reply.statusCode : CLIENT_GONE, performance.now() - startMs))
    }
    done()
  })
}
