import type { Alert, Target } from './api.ts'
import { countOf, formatClock, formatDuration, listOf, sentence } from './format.ts'
import { hasFigures, type ValueState } from './values.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'idle'

export interface Verdict {
  readonly tone: Tone
  readonly headline: string
  /** What lies behind it, or what to do; '' when the headline says all. */
  readonly detail: string
  /** When this began, if its cause says so. */
  readonly sinceMs: number | undefined
}

export type Contact =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'ok'; readonly atMs: number }
  | { readonly kind: 'lost'; readonly sinceMs: number; readonly reason: string; readonly nextTryMs: number }

export interface Facts {
  readonly contact: Contact
  readonly nowMs: number
  /** Undefined while no model is known. */
  readonly model: string | undefined
  /** Those that report this model; all of them while no model is known. */
  readonly targets: readonly Target[]
  /** Firing and pending alerts about this model, or about no model in particular. */
  readonly alerts: readonly Alert[]
  readonly values: readonly ValueState[]
  readonly requestsPerSecond: number | undefined
  /** Whether any alert rule may be about the model: what nobody judges is not called healthy. */
  readonly isJudged: boolean
  readonly deadTasks: number
  /** Whether tasks wait, run, or got done lately. */
  readonly hasTasks: boolean
  readonly rowsGate: number
}

const isDrift = (alert: Alert) => /drift/i.test(alert.name)
const earliest = (timesMs: readonly number[]) => (timesMs.length === 0 ? undefined : Math.min(...timesMs))

/** The answer to "is it healthy?", worst cause first. */
export function verdictOf(facts: Facts): Verdict {
  const { contact, nowMs, model, targets } = facts
  if (contact.kind === 'connecting') return { tone: 'idle', headline: 'Asking the monitor…', detail: '', sinceMs: undefined }
  if (contact.kind === 'lost') {
    const next = formatClock(contact.nextTryMs, nowMs)
    return {
      tone: 'bad',
      headline: 'The monitor is not answering',
      detail: `${sentence(contact.reason)} Next try at ${next}; below is the last picture.`,
      sinceMs: contact.sinceMs,
    }
  }
  const unanswered = unansweredOf(targets)
  if (unanswered !== undefined) return unanswered
  if (model === undefined) return withoutModel(targets)
  const verdict = troubleOf(facts, model) ?? wellOf(facts, model)
  return { ...verdict, detail: `${deadWords(facts.deadTasks)} ${verdict.detail}`.trim() }
}

/** No rule need watch tasks; that some are dead is said all the same. */
const deadWords = (count: number) => (count > 0 ? `${countOf(count, 'task')} ${count === 1 ? 'is' : 'are'} dead.` : '')

function unansweredOf(targets: readonly Target[]): Verdict | undefined {
  const down = targets.filter((target) => target.health === 'down')
  if (down.length === 0) return undefined
  const names = listOf([...new Set(down.map((target) => target.job))])
  const detail = sentence(down[0]!.lastError)
  if (down.length === targets.length || targets.every((target) => target.health !== 'up')) {
    return { tone: 'bad', headline: `${names} is not answering`, detail, sinceMs: undefined }
  }
  return {
    tone: 'warn',
    headline: `${down.length} of ${targets.length} targets do not answer`,
    detail: `${names}: ${detail}`,
    sinceMs: undefined,
  }
}

function withoutModel(targets: readonly Target[]): Verdict {
  if (targets.length === 0) {
    return {
      tone: 'idle',
      headline: 'No data yet: nothing to scrape',
      detail: 'The configuration of the monitor names no target.',
      sinceMs: undefined,
    }
  }
  if (targets.some((target) => target.health === 'up')) {
    return { tone: 'idle', headline: 'No model yet', detail: 'The targets answer, but none of them reports a model.', sinceMs: undefined }
  }
  return { tone: 'idle', headline: 'No data yet: waiting for the first scrape', detail: '', sinceMs: undefined }
}

function troubleOf({ alerts, values }: Facts, model: string): Verdict | undefined {
  const firing = alerts.filter((alert) => alert.state === 'firing')
  const drifting = values.filter((value) => value.verdict === 'drifting' || value.alert !== undefined)
  const other = firing.filter((alert) => !isDrift(alert))
  const driftFiring = firing.filter(isDrift)
  const sinceMs = earliest(firing.map((alert) => alert.activeAtMs))
  if (other.length > 0) {
    const drift = driftFiring.length === 0 ? '' : ` Also: ${describeDrift(drifting, 'has')}.`
    const headline = other.length === 1 ? headlineOf(other[0]!, model) : `${model}: ${other.length} things are wrong`
    const detail =
      other.length === 1 ? (other[0]!.annotations.description ?? '') : other.map((alert) => `${headlineOf(alert, model)}.`).join(' ')
    return { tone: 'bad', headline, detail: (detail + drift).trim(), sinceMs }
  }
  if (driftFiring.length > 0) {
    const fired = drifting.filter((value) => value.alert?.state === 'firing')
    const headline = fired.length > 0 ? `${model}: ${describeDrift(fired, 'has')}` : `${model}: its data have drifted`
    return { tone: 'bad', headline, detail: namesOf(fired.length > 0 ? fired : drifting), sinceMs }
  }
  if (drifting.length > 0) {
    const since = earliest(drifting.flatMap((value) => (value.since === undefined ? [] : [value.since.timeMs])))
    return { tone: 'warn', headline: `${model}: ${describeDrift(drifting, 'is')}`, detail: namesOf(drifting), sinceMs: since }
  }
  const pending = alerts.filter((alert) => alert.state === 'pending')
  if (pending.length > 0) {
    const headline = headlineOf(pending[0]!, model)
    return { tone: 'warn', headline, detail: 'Not long enough yet to fire.', sinceMs: earliest(pending.map((alert) => alert.activeAtMs)) }
  }
  return undefined
}

function wellOf({ values, requestsPerSecond, hasTasks, rowsGate, isJudged }: Facts, model: string): Verdict {
  const most = Math.max(0, ...values.map((value) => value.rows ?? 0))
  // Between two requests of a rare caller the rate is nothing; rows are counted over longer.
  if (requestsPerSecond === undefined && values.every((value) => value.rows === undefined)) {
    return { tone: 'idle', headline: `${model} is up`, detail: 'The first figures come with the second scrape.', sinceMs: undefined }
  }
  const quiet = !(requestsPerSecond !== undefined && requestsPerSecond > 0) && most < 1 && !hasTasks
  if (quiet)
    return {
      tone: 'idle',
      headline: `${model} is up, and nobody asks`,
      detail: 'No prediction was requested lately, so there is nothing to judge.',
      sinceMs: undefined,
    }
  if (!isJudged)
    return {
      tone: 'idle',
      headline: `${model} is up, and no rule judges it`,
      detail: 'Whether it is healthy is for you to read below. "modelwatch export rules" writes rules for every model.',
      sinceMs: undefined,
    }
  const judged = values.filter((value) => value.verdict === 'steady' || value.verdict === 'unsure')
  if (values.length > 0 && judged.length === 0) {
    const isCounted = values.some(({ rows }) => rows !== undefined)
    const detail =
      isCounted && most < rowsGate
        ? `Drift is judged from ${rowsGate} rows on; ${Math.floor(most)} came so far.`
        : hasFigures(values)
          ? 'Drift is not judged yet.'
          : 'Drift is not judged: nothing tells how its training data were distributed.'
    return { tone: 'good', headline: `${model} is healthy`, detail, sinceMs: undefined }
  }
  const steady =
    judged.length === values.length
      ? 'Every input and output looks like training'
      : `${judged.length} of ${values.length} inputs and outputs look like training`
  return { tone: 'good', headline: `${model} is healthy`, detail: values.length === 0 ? '' : `${steady}.`, sinceMs: undefined }
}

/**
 * How a time was, in words: how long there was trouble, and how long nobody looked. Before the first figure there was nothing to look at.
 * @param trouble - Things wrong at each step; null where that is not known.
 */
export function describeHealth(trouble: readonly (number | null)[], stepMs: number): string {
  const known = trouble.slice(trouble.findIndex((count) => count !== null))
  if (known[0] === undefined || known[0] === null) return 'Nothing is known of this time'
  const bad = known.filter((count) => count !== null && count > 0).length
  const unknown = known.filter((count) => count === null).length
  const words = bad === 0 ? 'No trouble' : `In trouble for ${formatDuration(bad * stepMs)}`
  return `${words} in this time${unknown === 0 ? '' : `; for ${formatDuration(unknown * stepMs)} nothing is known`}`
}

/** "2 inputs have drifted", "1 input and 1 output are drifting". */
export function describeDrift(values: readonly ValueState[], tense: 'has' | 'is'): string {
  const count = (role: string) => values.filter((value) => value.role === role).length
  const parts = [count('input') > 0 ? countOf(count('input'), 'input') : '', count('output') > 0 ? countOf(count('output'), 'output') : '']
  const verb =
    tense === 'has' ? (values.length === 1 ? 'has drifted' : 'have drifted') : values.length === 1 ? 'is drifting' : 'are drifting'
  return `${listOf(parts.filter((part) => part !== ''))} ${verb}`
}

function namesOf(values: readonly ValueState[]): string {
  const names = values.map((value) => value.name)
  const shown = names.length > 6 ? [...names.slice(0, 5), `${names.length - 5} more`] : names
  return shown.length === 0 ? '' : `${listOf(shown)} no longer ${shown.length === 1 ? 'looks' : 'look'} like training.`
}

/** The summary of an alert as a headline: without a full stop, and with the model's name in front unless it names the model itself. */
export function headlineOf(alert: Alert, model: string): string {
  const summary = (alert.annotations.summary ?? alert.name).replace(/\.$/, '')
  return summary.includes(model) ? summary : `${model}: ${summary}`
}
