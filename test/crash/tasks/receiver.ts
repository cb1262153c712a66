import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Random } from '../../../src/core/random.ts'

/** What came for one task. */
export interface Deliveries {
  came: number
  /** Those that were answered 200. */
  taken: number
  /** Different ones; it should be one. */
  readonly bodies: Set<string>
  /** Likewise. */
  readonly messageIds: Set<string>
}

export interface Receiver {
  readonly url: string
  readonly byTask: ReadonlyMap<string, Deliveries>
  readonly faults: readonly string[]
  close(): Promise<void>
}

export const WEBHOOK_SECRET = 'a secret of the crash test'

/** A receiver of webhooks that is none of the best: it fails now and then, and sometimes takes one and does not say so. */
export async function startReceiver(random: Random): Promise<Receiver> {
  const byTask = new Map<string, Deliveries>()
  const faults: string[] = []
  const server = createServer(async (request, response) => {
    let body: string
    try {
      body = await text(request)
    } catch {
      return // Its sender was killed; it comes again.
    }
    const fault = faultOf(request, body)
    if (fault !== undefined) faults.push(fault)
    const taskId = (JSON.parse(body) as { task_id: string }).task_id
    const deliveries = byTask.get(taskId) ?? { came: 0, taken: 0, bodies: new Set(), messageIds: new Set() }
    byTask.set(taskId, deliveries)
    deliveries.came++
    deliveries.bodies.add(body)
    deliveries.messageIds.add(String(request.headers['webhook-id']))
    const drawn = random()
    if (drawn < 0.1) response.writeHead(500).end()
    else if (drawn < 0.15) response.destroy()
    else {
      deliveries.taken++
      response.writeHead(200).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    byTask,
    faults,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** By the specification of Standard Webhooks, and not by our own signer. */
function faultOf({ headers }: IncomingMessage, body: string): string | undefined {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature } = headers
  const wanted = `v1,${createHmac('sha256', WEBHOOK_SECRET).update(`${id}.${time}.${body}`).digest('base64')}`
  return signature === wanted ? undefined : `a webhook with the signature ${signature} in place of ${wanted}: ${body.slice(0, 200)}`
}
