import type { TaskWithPayload } from '../../../src/sources/serving/queue/contract.ts'
import type { Ledger } from './ledger.ts'
import type { Role } from './role.ts'

const FAULTS_SHOWN_MAX = 8
const EVENTS_SHOWN_MAX = 30

/** All that is needed to find out what went wrong. */
export function toReport(
  about: Readonly<Record<string, unknown>>,
  ledger: Ledger,
  stored: readonly TaskWithPayload[],
  roles: readonly Role[],
): string {
  const byId = new Map(stored.map((task) => [task.id, task]))
  const faults = ledger.faults.slice(0, FAULTS_SHOWN_MAX).map(({ entry, text }) => {
    if (entry === undefined) return `* ${text}`
    const tasks = [...entry.ids].map((id) => JSON.stringify(byId.get(id) ?? `${id} is not stored`))
    return [`* task ${JSON.stringify(entry.plan)}: ${text}`, ...entry.events.slice(-EVENTS_SHOWN_MAX), ...tasks].join('\n    ')
  })
  return [
    `${JSON.stringify(about)}: ${ledger.faults.length} faults`,
    ...faults,
    'what happened:',
    ...ledger.timeline,
    ...roles.flatMap(({ name, tail }) => [`last lines of ${name}:`, ...tail]),
  ].join('\n')
}
