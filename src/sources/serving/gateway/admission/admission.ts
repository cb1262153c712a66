import type { FastifyInstance } from 'fastify'
import type { ModelwatchError } from '../../../../core/errors.ts'
import { MS_PER_SECOND, parseDurationMs } from '../../../../core/time.ts'
import type { Counter, Registry } from '../../../../instrument/index.ts'
import { DelayController } from './delay-controller.ts'
import { admissionErrors } from './errors.ts'
import { admissionFamilies as families } from './families.ts'

export interface AdmissionConfig {
  readonly requests_max: number
  readonly loop_delay_max: string
}

/** The places of `requests_max`. */
export interface Admission {
  /** Takes a place, until `leave`. @returns Why there is none; undefined: it is taken. */
  enter(model: string): ModelwatchError | undefined
  leave(): void
}

/** How often the event loop is looked at. */
const LOOK_MS = 20
const MICROSECONDS_PER_MS = 1000

/** Refuses requests that the gateway itself has no room or no time for. Ask it before their bodies are read, which is most of what they would cost. */
export function createAdmission(app: FastifyInstance, config: AdmissionConfig, registry: Registry): Admission {
  const { requests_max: requestsMax } = config
  const delay = watchLoop(app, parseDurationMs(config.loop_delay_max)!, registry)
  const shed = countShed(registry)
  // Made once: an error of its own for each refusal would cost as much as the refusal.
  const tooMany = admissionErrors.MW_GATEWAY_OVERLOADED(`${requestsMax} requests are under way, as many as serving.requests_max allows`)
  const tooLate = admissionErrors.MW_GATEWAY_OVERLOADED(`the gateway is late by more than serving.loop_delay_max, ${config.loop_delay_max}`)
  let inFlight = 0
  return {
    enter(model) {
      if (inFlight >= requestsMax) {
        shed(model, 'in_flight')
        return tooMany
      }
      if (inFlight > 0 && delay.takes()) {
        shed(model, 'loop_delay')
        return tooLate
      }
      inFlight++
      return undefined
    },
    leave() {
      inFlight--
    },
  }
}

/**
 * Measures by how much the loop's own work makes a timer late. What it waited for the processor does not count: where the machine is
 * short of it, to refuse small requests saves nothing. The timer neither keeps the process alive nor outlives the server.
 */
function watchLoop(app: FastifyInstance, delayMsMax: number, registry: Registry): DelayController {
  const delay = new DelayController(delayMsMax)
  let lastMs = performance.now()
  let lastCpu = process.threadCpuUsage()
  const timer = setInterval(() => {
    const nowMs = performance.now()
    const { user, system } = process.threadCpuUsage(lastCpu)
    const busyMs = Math.min(nowMs - lastMs, (user + system) / MICROSECONDS_PER_MS)
    delay.observe(Math.max(0, busyMs - LOOK_MS))
    lastMs = nowMs
    lastCpu = process.threadCpuUsage()
  }, LOOK_MS)
  timer.unref()
  app.addHook('onClose', async () => clearInterval(timer))
  registry.read(families.loopDelay, {}, () => delay.delayMs / MS_PER_SECOND)
  return delay
}

function countShed(registry: Registry) {
  const counters = new Map<string, Counter>()
  return (model: string, reason: 'in_flight' | 'loop_delay') => {
    const key = `${reason} ${model}`
    let counter = counters.get(key)
    if (counter === undefined) {
      counter = registry.counter(families.requestsShed, { model, reason })
      counters.set(key, counter)
    }
    counter.add()
  }
}
