/** One task in this many goes to the oldest of its lane, whatever its priority: so none waits for ever. */
export const TURN_OF_THE_OLDEST = 8

/** A waiting task, as far as the choice goes. */
export interface Candidate {
  readonly seq: number
  readonly rows: number
  readonly bytes: number
}

export interface Room {
  readonly tasksMax: number
  readonly rowsMax: number
  readonly bytesMax: number
}

/**
 * Chooses what is handed out of one lane: by priority, but every eighth task the oldest. The first is handed out even if it alone is larger than the room; the
 * first of the others that does not fit ends it, so that small ones do not overtake for ever.
 *
 * @param byPriority - Waiting tasks, highest priority first, then oldest first; at least `tasksMax`, or all there are.
 * @param oldest - Waiting tasks, oldest first; at least an eighth of `tasksMax`, rounded up, or all there are.
 * @param handed - Tasks handed out of this lane before.
 */
export function chooseTurns(byPriority: readonly Candidate[], oldest: readonly Candidate[], handed: number, room: Room): Candidate[] {
  const chosen: Candidate[] = []
  const taken = new Set<number>()
  let [rows, bytes, next, nextOldest] = [0, 0, 0, 0]
  while (chosen.length < room.tasksMax) {
    while (next < byPriority.length && taken.has(byPriority[next]!.seq)) next++
    while (nextOldest < oldest.length && taken.has(oldest[nextOldest]!.seq)) nextOldest++
    const isTurn = (handed + chosen.length) % TURN_OF_THE_OLDEST === TURN_OF_THE_OLDEST - 1
    const candidate = (isTurn ? oldest[nextOldest] : undefined) ?? byPriority[next]
    if (candidate === undefined) break
    rows += candidate.rows
    bytes += candidate.bytes
    if (chosen.length > 0 && (rows > room.rowsMax || bytes > room.bytesMax)) break
    chosen.push(candidate)
    taken.add(candidate.seq)
  }
  return chosen
}
