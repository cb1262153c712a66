import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

/** A task as the gateway tells of it; what this program does not need is left out. */
export interface Task {
  readonly task_id: string
  readonly state: 'waiting' | 'active' | 'delayed' | 'done' | 'dead' | 'cancelled'
  readonly href: string
  readonly error?: { readonly code: string; readonly message: string }
  readonly predictions?: readonly { readonly outputs: Readonly<Record<string, unknown>> }[]
}

export interface Tasks {
  /** Submits one picture. However often it takes, there is one task of it. Once it is under way it is not broken off, for nobody would know whether there is one. */
  submit(picture: Blob, fileName: string, signal: AbortSignal): Promise<Task>
  /** Waits until the task is done, dead or cancelled. */
  untilEnd(task: Task, signal: AbortSignal): Promise<Task>
  /** Cancels a task that has not ended; one that has is left as it is. */
  cancel(task: Task): Promise<void>
}

/** What one wait at the gateway lasts at most. */
const WAIT = '20s'
const ATTEMPTS_MAX = 6
const RETRY_MS = 500
const RETRY_MS_MAX = 10_000
/** Longer than an upload or a wait ever takes. */
const REQUEST_MS_MAX = 120_000
const CANCEL_MS_MAX = 5_000

const isFinal = ({ state }: Task) => state === 'done' || state === 'dead' || state === 'cancelled'

/**
 * The tasks of one model behind a gateway. All throw an `Error` whose message can be shown as it is: when the gateway refuses, or cannot be reached for a while.
 * @param url - Of the gateway, such as http://127.0.0.1:8000.
 */
export function tasksOf(model: string, url: string): Tasks {
  const tasksUrl = new URL(`/v1/models/${model}/tasks`, url)
  return {
    async submit(picture, fileName, signal) {
      const form = new FormData()
      form.set('picture', picture, fileName)
      // The same key each time: an answer that was lost on its way does not become a second task.
      const headers = { 'idempotency-key': randomUUID() }
      return ask<Task>(tasksUrl, { method: 'POST', body: form, headers }, signal)
    },
    async untilEnd(task, signal) {
      let last = task
      do last = await ask<Task>(new URL(`${task.href}?wait=${WAIT}`, url), { signal }, signal)
      while (!isFinal(last))
      return last
    },
    async cancel({ href }) {
      const response = await fetch(new URL(href, url), { method: 'DELETE', signal: AbortSignal.timeout(CANCEL_MS_MAX) })
      await response.arrayBuffer()
    },
  }
}

/** Sends a request until there is an answer: again after a refusal that will pass, and when nobody listens, as while a gateway starts anew. */
async function ask<T>(url: URL, request: RequestInit, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptOnce<T>(url, request)
    if (outcome.kind === 'answer') return outcome.answer
    if (outcome.kind === 'refused' || attempt === ATTEMPTS_MAX) throw outcome.error
    const waitMs = outcome.retryAfterMs ?? Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (attempt - 1))
    await delay(waitMs, undefined, { signal })
  }
}

type Outcome<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'refused'; readonly error: Error }
  | { readonly kind: 'later'; readonly error: Error; readonly retryAfterMs: number | undefined }

async function attemptOnce<T>(url: URL, request: RequestInit): Promise<Outcome<T>> {
  let response: Response
  let text: string
  try {
    const inTime = AbortSignal.timeout(REQUEST_MS_MAX)
    response = await fetch(url, { ...request, signal: request.signal == null ? inTime : AbortSignal.any([request.signal, inTime]) })
    text = await response.text()
  } catch (error) {
    request.signal?.throwIfAborted()
    const { cause } = error as { cause?: unknown }
    const reason = cause instanceof Error && cause.message !== '' ? cause.message : (error as Error).message
    return { kind: 'later', error: new Error(`${url.origin} cannot be reached: ${reason}`), retryAfterMs: undefined }
  }
  if (response.ok) return { kind: 'answer', answer: JSON.parse(text) as T }
  const error = new Error(reasonOf(text) ?? `${url.origin} answers ${response.status} ${response.statusText}`)
  const isPassing = [408, 429, 502, 503, 504].includes(response.status)
  if (!isPassing) return { kind: 'refused', error }
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
  return { kind: 'later', error, retryAfterMs: Number.isFinite(seconds) ? Math.min(RETRY_MS_MAX, seconds * 1000) : undefined }
}

/** What a refusal says for people; undefined when it is not from the gateway. */
function reasonOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: unknown }
    return typeof error === 'string' ? error : undefined
  } catch {
    return undefined // A page of some proxy; the status says enough.
  }
}
