import { styleText } from 'node:util'
import { ModelwatchError } from '../core/errors.ts'

/** 0 done, 1 failed, 2 bad usage or configuration, 3 a gate said no. */
export type ExitCode = 0 | 1 | 2 | 3

export const bold = (text: string) => styleText('bold', text, { stream: process.stdout })
export const dim = (text: string) => styleText('dim', text, { stream: process.stdout })
const red = (text: string) => styleText('red', text, { stream: process.stderr })

interface Explained {
  readonly code: string
  readonly hint: string
}

/**
 * Tells an error as one sentence, then what to do about it; the stack only when asked for, or when the error is a bug of ours.
 * @returns the exit code that fits.
 */
export function reportError(error: unknown, trace: boolean): ExitCode {
  const explained = isExplained(error) ? error : undefined
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${red('error')} ${message}\n`)
  if (explained !== undefined) process.stderr.write(`      ${explained.hint} (${explained.code})\n`)
  if (trace || explained === undefined) process.stderr.write(`${stackOf(error)}\n`)
  if (!(error instanceof ModelwatchError)) return 1
  return error.kind === 'config' ? 2 : error.kind === 'gate' ? 3 : 1
}

function isExplained(error: unknown): error is Explained & Error {
  return error instanceof Error && 'code' in error && 'hint' in error && typeof error.hint === 'string'
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}

/**
 * One line that is written over again and again, on a terminal; elsewhere the latest text comes as a line of its own now and then,
 * so that a log file stays readable.
 */
export class StatusLine {
  readonly #stream = process.stdout
  readonly #logEveryMs: number
  #shown = false
  #loggedMs = Number.NEGATIVE_INFINITY

  constructor(logEveryMs = 30_000) {
    this.#logEveryMs = logEveryMs
  }

  update(text: string): void {
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[2K${text.slice(0, Math.max(0, this.#stream.columns - 1))}`)
      this.#shown = true
    } else if (performance.now() - this.#loggedMs >= this.#logEveryMs) {
      this.#loggedMs = performance.now()
      this.#stream.write(`${text}\n`)
    }
  }

  /** Writes a line above the status. */
  print(text: string): void {
    if (this.#shown) this.#stream.write('\r\x1b[2K')
    this.#stream.write(`${text}\n`)
  }

  /** Leaves the last text standing. */
  end(): void {
    if (this.#shown) this.#stream.write('\n')
    this.#shown = false
  }
}

const BAR_WIDTH = 28

/** `━━━━━━────  62 %`: how far a long piece of work is; share in [0, 1]. */
export function progressBar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH)
  return `${'━'.repeat(full)}${dim('─'.repeat(BAR_WIDTH - full))} ${String(Math.round(share * 100)).padStart(3)} %`
}
