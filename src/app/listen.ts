import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { parseListenAddress } from '../core/address.ts'
import { defineErrors, messageOf } from '../core/errors.ts'

export const listenErrors = defineErrors({
  MW_LISTEN_ADDRESS_INVALID: { kind: 'config', retryable: false, hint: 'Write host:port, such as 127.0.0.1:9090.' },
  MW_LISTEN_ADDRESS_IN_USE: {
    kind: 'config',
    retryable: true,
    hint: 'Stop what listens there (perhaps another modelwatch), or choose another port.',
  },
  MW_LISTEN_FAILED: { kind: 'config', retryable: false, hint: 'Choose an address of this machine, and a port above 1023.' },
})

/**
 * Starts a server.
 * @param setting - Where the address was set, for the error: `serving.listen`.
 * @returns its base URL, with the port that was really taken.
 * @throws MW_LISTEN_ADDRESS_INVALID, MW_LISTEN_ADDRESS_IN_USE or MW_LISTEN_FAILED.
 */
export async function listen(app: FastifyInstance, address: string, setting: string): Promise<string> {
  const parsed = parseListenAddress(address)
  if (parsed === undefined) throw listenErrors.MW_LISTEN_ADDRESS_INVALID(`${setting}: ${address} is no address`)
  try {
    await app.listen(parsed)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw listenErrors.MW_LISTEN_ADDRESS_IN_USE(`${setting}: ${address} is in use already`, { cause: error })
    throw listenErrors.MW_LISTEN_FAILED(`${setting}: cannot listen on ${address}: ${messageOf(error)}`, { cause: error })
  }
  const { port } = app.server.address() as AddressInfo
  const host = parsed.host === '0.0.0.0' ? '127.0.0.1' : parsed.host.includes(':') ? `[${parsed.host}]` : parsed.host
  return `http://${host}:${port}`
}
