import type { Clock } from '../../../../core/time.ts'
import { redisQueueErrors } from './errors.ts'
import type { Link } from './link.ts'
import type { RedisAddress } from './url.ts'

const VERSION_MIN = [6, 2] as const
/** Clocks that differ by more make deadlines, which come from the gateway, mean something else in the server. */
const CLOCK_MS_MAX = 2000

/**
 * Looks whether a server is fit to keep tasks.
 * @returns What people should know about it, a sentence each.
 * @throws MW_QUEUE_REDIS_VERSION, MW_QUEUE_REDIS_EVICTS.
 */
export async function inspectServer(link: Link, address: RedisAddress, clock: Clock): Promise<string[]> {
  const [info, time, nowMs] = await link.run(async () => {
    const [info, time] = await Promise.all([link.client.info(), link.client.time()])
    return [info, time, clock.now()] as const
  })
  const { notes } = judgeServer(info, address.shown)
  const offMs = Math.round(Number(time[0]) * 1000 + Number(time[1]) / 1000 - nowMs)
  if (Math.abs(offMs) > CLOCK_MS_MAX) {
    notes.push(`the clock of Redis at ${address.shown} differs from this one by ${offMs} ms; deadlines are off by as much`)
  }
  return notes
}

/** The same, from the text that `INFO` answers. */
export function judgeServer(info: string, shown: string): { readonly notes: string[] } {
  const facts = new Map(info.split(/\r?\n/).flatMap((line) => (/^\w+:/.test(line) ? [splitOnce(line)] : [])))
  const notes: string[] = []
  // Valkey tells the version of Redis that it is compatible with under this name.
  const version = facts.get('redis_version') ?? ''
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1])) {
    throw redisQueueErrors.MW_QUEUE_REDIS_VERSION(
      `Redis at ${shown} is version ${version || 'unknown'}; the queue needs ${VERSION_MIN.join('.')}`,
    )
  }
  const policy = facts.get('maxmemory_policy') ?? 'noeviction'
  if (policy !== 'noeviction') {
    const limit = facts.get('maxmemory') ?? '0'
    if (limit !== '0') {
      throw redisQueueErrors.MW_QUEUE_REDIS_EVICTS(
        `Redis at ${shown} deletes keys when ${limit} bytes are full (maxmemory-policy ${policy}): accepted tasks would be lost`,
      )
    }
    notes.push(`Redis at ${shown} has maxmemory-policy ${policy}; set it to noeviction before maxmemory is set, or tasks will be lost`)
  }
  if (facts.get('aof_enabled') === '0') {
    notes.push(
      `Redis at ${shown} writes no append-only file: tasks accepted since its last snapshot are lost when it stops; set appendonly yes`,
    )
  }
  return { notes }
}

function splitOnce(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1)]
}
