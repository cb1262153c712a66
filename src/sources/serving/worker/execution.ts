import { ModelwatchError, messageOf } from '../../../core/errors.ts'
import type { Clock } from '../../../core/time.ts'
import type { Column, ReadRows } from '../../../watch/index.ts'
import type { ModelHost, ServedRevision } from '../models/contract.ts'
import type { Failure, TaskWithPayload } from '../queue/contract.ts'
import type { ResultWriter } from './contract.ts'
import { workerErrors } from './errors.ts'

/** How one execution ended. */
export type Ended =
  | { readonly kind: 'done'; readonly result: string; readonly served: ServedRevision; readonly outputs: readonly Column[] }
  /** Another attempt may do better. */
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** No other attempt would help. */
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** The model took its thread with it. */
  | { readonly kind: 'died'; readonly failure: Failure }
  /** It did not reach the model, which is being unloaded, starts anew or has too much to do: the task has nothing to do with it. */
  | { readonly kind: 'released' }

export interface ExecutionDeps {
  readonly host: ModelHost
  readonly clock: Clock
  readonly writeResult: ResultWriter
  /** Longest execution; beyond it the model is held to hang. */
  readonly timeoutMs: number
  /** Called when the model is done with the rows, before the answer is written. */
  readonly onComputed: () => void
}

const STACK_CHARACTERS_MAX = 8000
const MESSAGE_CHARACTERS_MAX = 2000
/** What is said of rows that no model has seen. */
const unreached: ReadonlySet<string> = new Set([
  'MW_GATEWAY_STOPPING',
  'MW_GATEWAY_BUSY',
  'MW_MODEL_BUSY',
  'MW_MODEL_DOWN',
  'MW_REVISIONS_FULL',
])
/** What a model leaves behind that took its thread with it, or had to be killed. */
const deaths: ReadonlySet<string> = new Set(['MW_MODEL_DIED', 'MW_MODEL_TIMEOUT', 'MW_TASK_TIMEOUT'])

/** Runs one task: reads its rows, checks them again, for the model may have changed, predicts with the revision chosen at submission. Does not throw. */
export async function execute(task: TaskWithPayload, deps: ExecutionDeps): Promise<Ended> {
  try {
    const served = await loadRevision(task, deps.host)
    served.enter()
    try {
      const read = served.readRows(parseRows(task.payload))
      const refusal = toRefusal(read, served)
      if (refusal !== undefined) return { kind: 'refused', failure: refusal }
      const outputs = await predict(task, served, read, deps)
      deps.onComputed()
      return { kind: 'done', result: deps.writeResult(served, outputs, read.columns.rows, deps.clock.now()), served, outputs }
    } finally {
      served.leave()
    }
  } catch (error) {
    return toEnded(error)
  }
}

async function loadRevision(task: TaskWithPayload, host: ModelHost): Promise<ServedRevision> {
  const model = host.get(task.queue)
  if (model === undefined) throw workerErrors.MW_TASK_UNSERVED(`no model ${task.queue} is served here`)
  return model.revision(task.revision)
}

/** The gateway let the rows pass; the revision's schema may have changed since. Told in the gateway's own words, so that a client knows one code for it. */
function toRefusal({ faults }: ReadRows, { revision }: ServedRevision): Failure | undefined {
  const first = faults[0]
  if (first === undefined) return undefined
  const where = first.field === '' ? `row ${first.row}` : `row ${first.row}, ${first.field}`
  return { code: 'MW_INPUT_INVALID', message: `revision ${revision} does not take it: ${where} ${first.message}`, stack: undefined }
}

/** @throws MW_TASK_PAYLOAD for text that no gateway wrote. */
function parseRows(payload: string): readonly unknown[] {
  let rows: unknown
  try {
    rows = (JSON.parse(payload) as { rows?: unknown } | null)?.rows
  } catch (cause) {
    throw workerErrors.MW_TASK_PAYLOAD(`its payload is not JSON: ${messageOf(cause)}`, { cause })
  }
  if (!Array.isArray(rows)) throw workerErrors.MW_TASK_PAYLOAD('its payload holds no list of rows')
  return rows
}

/** Predicts, and gives up waiting when the task takes longer than any may: a promise that never settles must not hold its lane for ever. */
async function predict(task: TaskWithPayload, served: ServedRevision, { columns }: ReadRows, { clock, timeoutMs }: ExecutionDeps) {
  const deadlineMs = task.deadlineMs === undefined ? undefined : performance.now() + task.deadlineMs - clock.now()
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(workerErrors.MW_TASK_TIMEOUT(`the model gave no answer for ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    const predicting = served.predict(columns, { deadlineMs, isPatient: true })
    return (await Promise.race([predicting, hung])).outputs
  } finally {
    clearTimeout(timer)
  }
}

function toEnded(error: unknown): Ended {
  const failure = toFailure(error)
  if (unreached.has(failure.code)) return { kind: 'released' }
  if (deaths.has(failure.code)) return { kind: 'died', failure }
  return { kind: error instanceof ModelwatchError && error.kind === 'invalid' ? 'refused' : 'failed', failure }
}

export function toFailure(error: unknown): Failure {
  return {
    code: error instanceof ModelwatchError ? error.code : 'MW_INTERNAL',
    message: messageOf(error).slice(0, MESSAGE_CHARACTERS_MAX),
    stack: error instanceof Error ? stackOf(error).slice(0, STACK_CHARACTERS_MAX) : undefined,
  }
}

/** The stack with those of its causes, the deepest of which is where it began. */
function stackOf(error: Error): string {
  const own = error.stack ?? String(error)
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own
}
