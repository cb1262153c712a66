import { isFinal, type TaskWithPayload } from '../../../src/sources/serving/queue/contract.ts'
import type { Audit } from './audit.ts'
import type { Entry, Ledger } from './ledger.ts'
import { totalOf } from './plan.ts'
import type { Receiver } from './receiver.ts'
import { attemptsMax, deathsMax } from './world.ts'

interface Predictions {
  readonly predictions: readonly {
    readonly prediction_id: string
    readonly outputs: { readonly total: number; readonly execution: string }
  }[]
}

/** Everything that was promised, held against what is stored in the end. Faults go into the ledger. */
export function judge(ledger: Ledger, stored: readonly TaskWithPayload[], audit: Audit, receiver: Receiver): void {
  const byId = new Map(stored.map((task) => [task.id, task]))
  const byNumber = Map.groupBy(stored, numberOf)
  const executions = new Map<string, string>()
  for (const entry of ledger.entries) {
    const same = byNumber.get(entry.plan.number) ?? []
    const faults = [...judgeCount(entry, same), ...judgeWhatWasRead(entry, byId)]
    for (const task of same) {
      if (isUnlucky(entry, task)) ledger.unlucky++
      else faults.push(...judgeEnd(entry, task))
      faults.push(...judgeResult(entry, task, executions), ...judgeHistory(task, audit))
      if (task.webhook !== undefined) faults.push(...judgeWebhook(entry, task, receiver))
    }
    for (const text of faults) ledger.fault(entry, text)
  }
  if (byNumber.has(Number.NaN)) ledger.fault(undefined, `stored, though nobody sent it: ${JSON.stringify(byNumber.get(Number.NaN))}`)
  for (const text of receiver.faults) ledger.fault(undefined, text)
}

function numberOf({ payload }: TaskWithPayload): number {
  const { rows } = JSON.parse(payload) as { rows: readonly { readonly a: number }[] }
  return rows[0]?.a ?? Number.NaN
}

/** One task for each that was accepted; under a key never a second one, else no more than there were submissions. */
function* judgeCount(entry: Entry, same: readonly TaskWithPayload[]): Generator<string> {
  if (entry.ids.size > 1) yield `has several ids: ${[...entry.ids].join(', ')}`
  const most = entry.plan.key === undefined ? 1 + entry.unanswered : 1
  if (same.length > most) yield `is stored ${same.length} times, at most ${most} were sent: ${same.map(({ id }) => id).join(', ')}`
}

/** What an end may be, by what was wanted. */
function* judgeEnd(entry: Entry, task: TaskWithPayload): Generator<string> {
  const { intent } = entry.plan
  const { id, state, failure, attempts, deaths } = task
  const said = `${id} is ${state} after ${attempts} attempts and ${deaths} deaths${failure === undefined ? '' : `: ${failure.code} ${failure.message}`}`
  if (!isFinal(state)) return yield `${said}, and not final`
  const isDead = (code: string, message = '') => state === 'dead' && failure?.code === code && failure.message.includes(message)
  const mayBeLate = intent === 'late' && state === 'dead' && isOfLateness(task)
  const isRight = {
    add: state === 'done',
    fail: isDead('MW_MODEL_FAILED', `task ${entry.plan.number} fails`) && attempts - deaths === attemptsMax,
    refuse: isDead('MW_INPUT_UNFIT', `task ${entry.plan.number} is refused`),
    die: isDead('MW_TASK_POISONED') && deaths === deathsMax,
    late: state === 'done' || mayBeLate,
    cancel: state === 'done' || state === 'cancelled',
  }[intent]
  if (!isRight) yield `meant to ${intent}, ${said}`
  if (entry.isCancelled && id === entry.taskId && state !== 'cancelled') yield `was said to be cancelled, ${said}`
}

const isUnlucky = ({ plan, isCancelled }: Entry, { state, failure, deaths }: TaskWithPayload): boolean =>
  plan.intent !== 'die' && !isCancelled && state === 'dead' && failure?.code === 'MW_TASK_POISONED' && deaths === deathsMax

/** Dead because its time is over: while it waited, or because no other attempt could have begun in time. */
function isOfLateness({ failure, deadlineMs, finishedMs, deaths }: TaskWithPayload): boolean {
  if (failure?.code === 'MW_TASK_EXPIRED') return finishedMs! >= deadlineMs!
  if (failure?.code === 'MW_DEADLINE_EXCEEDED' || failure?.code === 'MW_DEADLINE_PASSED') return true
  return deaths > 0 && failure?.code === 'MW_MODEL_DIED'
}

function* judgeResult(entry: Entry, { id, state, result }: TaskWithPayload, executions: Map<string, string>): Generator<string> {
  if ((state === 'done') !== (result !== undefined)) return yield `${id} is ${state} ${result === undefined ? 'without' : 'with'} a result`
  if (result === undefined) return
  const { predictions } = JSON.parse(result) as Predictions
  const totals = predictions.map(({ outputs }) => outputs.total)
  const wanted = entry.plan.rows.map(({ b }) => totalOf(entry.plan.number, b))
  if (totals.join() !== wanted.join()) yield `${id} has the predictions ${totals.join()} in place of ${wanted.join()}`
  for (const name of predictions.flatMap(({ prediction_id, outputs }) => [prediction_id, outputs.execution])) {
    if (executions.has(name)) yield `${id} and ${executions.get(name)} share what should be ${id}'s own: ${name}`
    executions.set(name, id)
  }
}

/** It ended once, and its result was stored once. */
function* judgeHistory({ id, state }: TaskWithPayload, audit: Audit): Generator<string> {
  const { results, ends, hasRisen } = audit.get(id) ?? { results: 0, ends: [], hasRisen: false }
  if (ends.join() !== state || hasRisen) yield `${id} is ${state}, and was brought to ${ends.join(', then ') || 'no end'}`
  const wanted = state === 'done' ? 1 : 0
  if (results !== wanted) yield `${id} is ${state}, and a result was stored ${results} times`
}

/** Whoever asks is told the same, and it is what is stored. */
function* judgeWhatWasRead(entry: Entry, byId: ReadonlyMap<string, TaskWithPayload>): Generator<string> {
  if (entry.taskId === undefined) return // Told already.
  const task = byId.get(entry.taskId)
  if (task === undefined) return yield `accepted as ${entry.taskId}, it is not stored`
  if (entry.texts.size !== 1) return yield `was read as ${entry.texts.size} texts: ${[...entry.texts].join('\n')}`
  const [text] = entry.texts
  const read = JSON.parse(text!) as Partial<Predictions> & { readonly state: string }
  const result = task.result === undefined ? undefined : (JSON.parse(task.result) as Predictions).predictions
  if (read.state !== task.state || JSON.stringify(read.predictions) !== JSON.stringify(result))
    yield `was read as ${text}, and is stored as ${task.state} ${task.result}`
}

function* judgeWebhook(entry: Entry, { id }: TaskWithPayload, receiver: Receiver): Generator<string> {
  const came = receiver.byTask.get(id)
  if (came === undefined || came.taken === 0) return yield `nobody was told of ${id}`
  if (came.bodies.size !== 1 || came.messageIds.size !== 1)
    yield `of ${id} different things were told: ${[...came.messageIds, ...came.bodies].join('\n')}`
  const [body] = came.bodies
  if (id === entry.taskId && !entry.texts.has(body!)) yield `of ${id} was told ${body}, and read ${[...entry.texts].join()}`
}
