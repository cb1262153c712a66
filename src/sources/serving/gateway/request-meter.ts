import { MS_PER_SECOND } from '../../../core/time.ts'
import type { Counter } from '../../../instrument/index.ts'
import type { ServedRevision } from '../models/contract.ts'
import { gatewayFamilies as families } from './families.ts'

/** Counts and times the requests of one API to one revision. */
export interface RequestMeter {
  /** The work for a request begins, and ends. */
  entered(): void
  left(): void
  /** @param code - HTTP status answered; 499 when the client went away first. */
  answered(code: number, elapsedMs: number): void
}

const meters = new WeakMap<ServedRevision, Map<string, RequestMeter>>()

/** The meter of a revision and an API; made, and standing at 0, when it is first asked for. It goes with the revision. */
export function meterOf(served: ServedRevision, api: string): RequestMeter {
  let byApi = meters.get(served)
  if (byApi === undefined) {
    byApi = new Map()
    meters.set(served, byApi)
  }
  let meter = byApi.get(api)
  if (meter === undefined) {
    meter = createMeter(served, api)
    byApi.set(api, meter)
  }
  return meter
}

function createMeter({ schema, revision, registry }: ServedRevision, api: string): RequestMeter {
  const of = { model: schema.name, revision }
  const gauge = registry.vector(families.inFlight, [of])
  const duration = registry.histogram(families.requestDuration, { ...of, api })
  const codes = new Map<number, Counter>()
  const count = (code: number) => {
    let counter = codes.get(code)
    if (counter === undefined) {
      counter = registry.counter(families.requests, { ...of, api, code: String(code) })
      codes.set(code, counter)
    }
    return counter
  }
  count(200) // Stands at 0 from the start, so that no first increase is lost.
  return {
    entered: () => {
      gauge[0]! += 1
    },
    left: () => {
      gauge[0]! -= 1
    },
    answered: (code, elapsedMs) => {
      count(code).add()
      duration.observe(elapsedMs / MS_PER_SECOND)
    },
  }
}
