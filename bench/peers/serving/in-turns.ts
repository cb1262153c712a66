import { load, median } from '../../support/wrk.ts'
import type { RunningSubject } from './subjects.ts'
import type { Wine } from './wine.ts'

const ALTERNATIONS = 9
const SECONDS = 2

/**
 * Requests of one row a second of several servers on core 0. All run the whole time, and one is asked at a time, in short turns, so that what else the machine
 * does hits all of them: what two of them differ by is then known closer than what each of them does.
 * @returns by name, the median of the turns.
 */
export async function loadInTurns<Name extends string>(
  running: ReadonlyMap<Name, RunningSubject>,
  wine: Wine,
  connections: number,
): Promise<Record<Name, number>> {
  const rates = new Map<Name, number[]>()
  for (let turn = -1; turn < ALTERNATIONS; turn++) {
    for (const [name, { oneRow }] of running) {
      const { requestsPerSecond } = await load(oneRow.url, oneRow.body(wine.rows), { connections, seconds: SECONDS })
      if (turn >= 0) rates.set(name, [...(rates.get(name) ?? []), requestsPerSecond]) // The first turn only warms up.
    }
  }
  return Object.fromEntries([...rates].map(([name, all]) => [name, median(all)])) as Record<Name, number>
}
