import { messageOf } from '../../../../core/errors.ts'
import { type Clock, MS_PER_SECOND } from '../../../../core/time.ts'
import type { QueueOptions, TaskQueue } from '../contract.ts'
import { createScripts } from './commands.ts'
import { Lanes } from './lanes.ts'
import { Link } from './link.ts'
import { RedisQueue } from './redis-queue.ts'
import { inspectServer } from './server.ts'
import { Signals } from './signals.ts'
import { parseRedisUrl } from './url.ts'

export interface RedisQueueDeps {
  readonly clock: Clock
  /** Takes what people should know, a sentence each: how durable the server is set up to be, and what goes wrong in the background. */
  readonly onNote?: ((text: string) => void) | undefined
  /** How long a call waits for a server that is away; 5 s unless told otherwise. */
  readonly waitMsMax?: number | undefined
}

const WAIT_MS_MAX = 5 * MS_PER_SECOND

/**
 * Opens the queue in a Redis (6.2 or newer) or Valkey server.
 *
 * @param url - `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB][?prefix=TEXT]`, or `rediss:` for TLS. Queues under different prefixes know nothing of each other.
 * @throws MW_QUEUE_URL; MW_QUEUE_UNAVAILABLE when the server does not answer in time; MW_QUEUE_REDIS_VERSION or MW_QUEUE_REDIS_EVICTS when it is not
 *   fit to keep tasks.
 */
export async function openRedisQueue(url: string, options: QueueOptions, deps: RedisQueueDeps): Promise<TaskQueue> {
  const address = parseRedisUrl(url)
  const note = deps.onNote ?? (() => {})
  const link = await Link.open(address, { waitMsMax: deps.waitMsMax ?? WAIT_MS_MAX })
  try {
    for (const text of await inspectServer(link, address, deps.clock)) note(text)
    // Braces: all keys of the queue on one node, should a cluster stand behind the address.
    const root = `{${address.prefix}}`
    const onError = createNotes(note)
    const lanes = await Lanes.open(link.client, {
      prefix: `${root}:lanes`,
      // Longer than a lease: by then the record has been put right, and with it the ticket.
      lockMs: 2 * options.leaseMs,
      onError,
    })
    const call = createScripts(link.client, root, { options, db: address.db })
    const signals = new Signals(link.duplicate(), `${root}:${address.db}`)
    return new RedisQueue({ options, link, call, lanes, signals, onError })
  } catch (error) {
    link.close()
    throw error
  }
}

/** What goes wrong in the background is told once, not every second. */
function createNotes(note: (text: string) => void): (error: unknown) => void {
  let last: string | undefined
  return (error) => {
    const text = messageOf(error)
    if (text !== last) note(`the queue in Redis: ${text}`)
    last = text
  }
}
