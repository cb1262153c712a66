import type { ServedRevision } from '../models/contract.ts'
import type { Admission } from './admission/admission.ts'
import type { RequestMeter } from './request-meter.ts'

/**
 * What a request holds while it is worked on: its revision, which is not unloaded, and a place among those under way. It ends with the answer, not with its
 * way through the socket: behind an earlier request of its connection, one that waits for a task, the answer would stand for a minute.
 */
export class Visit {
  readonly served: ServedRevision
  readonly #meter: RequestMeter
  readonly #admission: Admission
  #isAdmitted = false
  #isOver = false

  constructor(served: ServedRevision, meter: RequestMeter, admission: Admission) {
    this.served = served
    this.#meter = meter
    this.#admission = admission
    served.enter()
    meter.entered()
  }

  /** @returns Why the request is turned away; undefined: it has a place. */
  admit(): Error | undefined {
    const refusal = this.#admission.enter(this.served.schema.name)
    this.#isAdmitted = refusal === undefined
    return refusal
  }

  /** Lets go; what is called again does nothing. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#isAdmitted) this.#admission.leave()
    this.#meter.left()
    this.served.leave()
  }
}
