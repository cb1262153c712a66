import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CANCELLED, DEAD, DONE, stateNames } from '../../../src/sources/serving/queue/sqlite/states.ts'
import { readCommands } from './redis-log.ts'

/** What was written about one task, over the whole time. */
export interface Written {
  /** Results that were stored, the same ones again included. */
  results: number
  /** Final states it was brought to, one after the other. */
  readonly ends: string[]
  /** It left a final state. */
  hasRisen: boolean
}
export type Audit = ReadonlyMap<string, Written>

/** By id; what nobody wrote about is not in it. */
function createAudit() {
  const byId = new Map<string, Written>()
  const of = (id: string) => {
    const written = byId.get(id) ?? { results: 0, ends: [], hasRisen: false }
    byId.set(id, written)
    return written
  }
  return { byId, of }
}

const FINALS = `(${DONE}, ${DEAD}, ${CANCELLED})`

/** Lets the queue's file keep account of itself: every result that is stored, and every way into a final state and out of it. */
export function beginFileAudit(file: string): void {
  const database = new DatabaseSync(file)
  database.exec(`
    CREATE TABLE audit (seq INTEGER, was INTEGER, is_now INTEGER);
    CREATE TRIGGER audit_state AFTER UPDATE OF state ON task WHEN new.state IN ${FINALS} OR old.state IN ${FINALS}
      BEGIN INSERT INTO audit VALUES (new.seq, old.state, new.state); END;
    CREATE TRIGGER audit_result AFTER INSERT ON result BEGIN INSERT INTO audit VALUES (new.seq, NULL, NULL); END;
    CREATE TRIGGER audit_change AFTER UPDATE ON result BEGIN INSERT INTO audit VALUES (new.seq, NULL, NULL); END;
  `)
  database.close()
}

export function readFileAudit(file: string): { audit: Audit; faults: string[] } {
  const database = new DatabaseSync(file)
  const { byId, of } = createAudit()
  const rows = database.prepare('SELECT id, was, is_now FROM audit JOIN task USING (seq) ORDER BY audit.rowid').iterate()
  for (const { id, was, is_now } of rows as Iterable<{ id: string; was: number | null; is_now: number | null }>) {
    const written = of(id)
    if (is_now === null) written.results++
    else written.ends.push(stateNames[is_now]!)
    if (was === DONE || was === DEAD || was === CANCELLED) written.hasRisen = true
  }
  const faults = database
    .prepare('PRAGMA integrity_check')
    .all()
    .map((row) => String(Object.values(row)[0]))
    .filter((text) => text !== 'ok')
  database.close()
  return { audit: byId, faults }
}

const TASK = '{modelwatch}:task:'
const RESULT = '{modelwatch}:result:'

/** The same from the log of Redis, which holds every change that was ever made. */
export async function readRedisAudit(dir: string): Promise<{ audit: Audit; faults: string[] }> {
  const folder = join(dir, 'appendonlydir')
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.incr.aof'))
  if (logs.length !== 1) return { audit: new Map(), faults: [`Redis has ${logs.length} logs: ${logs.join(', ')}`] }
  const { byId, of } = createAudit()
  for await (const [name, key, ...rest] of readCommands(createReadStream(join(folder, logs[0]!)))) {
    const command = name!.toUpperCase()
    if (command === 'SET' && key!.startsWith(RESULT)) of(key!.slice(RESULT.length)).results++
    const state = command === 'HSET' && key!.startsWith(TASK) ? fieldOf(rest, 'st') : undefined
    if (state === undefined) continue
    const written = of(key!.slice(TASK.length))
    if (written.ends.length > 0) written.hasRisen = true
    if (state === 'done' || state === 'dead' || state === 'cancelled') written.ends.push(state)
  }
  return { audit: byId, faults: [] }
}

function fieldOf(pairs: readonly string[], field: string): string | undefined {
  for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === field) return pairs[i + 1]
  return undefined
}
