import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { QueryValue } from '../../plane/promql/contract.ts'
import { apiErrors } from './errors.ts'

export interface SendingLimits {
  /** Bytes that answers of queries may hold together while their clients read them; an answer that is alone may be larger. */
  readonly sendingBytesMax: number
  /** Longest time in which a client may read nothing; then it is hung up on. */
  readonly stallMsMax: number
}

export const sendingDefaults: SendingLimits = { sendingBytesMax: 512 << 20, stallMsMax: 60_000 }

/** An answer of this size fits into what the system holds for a connection. */
const SMALL_BYTES = 1 << 17

/** Bounds what clients hold that read slowly: their query is done, but its answer is not gone. */
export interface Sending {
  /** Counts an answer until its last byte is handed on, or its client is gone. @throws MW_API_BUSY when too much is held already. */
  hold(value: QueryValue, response: ServerResponse): void
  /** Bytes that are held. */
  readonly bytes: number
}

export function createSending({ sendingBytesMax, stallMsMax }: SendingLimits): Sending {
  let held = 0
  return {
    hold(value, response) {
      const bytes = bytesOf(value)
      if (held > 0 && held + bytes > sendingBytesMax)
        throw apiErrors.MW_API_BUSY(`answers of ${held} bytes wait for their clients to read them`)
      held += bytes
      const socket = bytes > SMALL_BYTES && response.socket instanceof Socket ? response.socket : undefined
      const hangUp = () => socket?.destroy()
      socket?.setTimeout(stallMsMax, hangUp)
      response.once('close', () => {
        held -= bytes
        // The connection may serve others after this; how long it may be idle until then, Node's server has set already.
        socket?.off('timeout', hangUp)
      })
    },
    get bytes() {
      return held
    },
  }
}

/** About: labels are shared with the store. */
function bytesOf(value: QueryValue): number {
  if (value.kind === 'vector') return value.samples.length * 100
  if (value.kind !== 'matrix') return 100
  return value.series.reduce((sum, { timesMs }) => sum + 200 + 16 * timesMs.length, 0)
}
