import type { IncomingMessage } from 'node:http'
import { gatewayErrors } from './errors.ts'

/**
 * Refuses a request in which one of these headers stands more than once. Node joins their values with a comma, and the whole would be taken for one value
 * that nobody sent. A value without a comma stands once: most requests cost no more than that look.
 * @param names - In lower case.
 * @throws MW_HEADER_INVALID
 */
export function refuseRepeated({ headers, rawHeaders }: IncomingMessage, names: readonly string[]): void {
  for (const name of names) {
    if (headers[name]?.includes(',') !== true) continue
    let count = 0
    for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]!.toLowerCase() === name) count++
    if (count > 1) throw gatewayErrors.MW_HEADER_INVALID(`${name} must stand once, and stands ${count} times`)
  }
}
