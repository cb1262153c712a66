/** What went wrong, as far as a caller must know to react. HTTP edges map a kind to a status, the command line to an exit code. */
export type ErrorKind =
  | 'invalid'
  | 'config'
  /** What was to prove itself did not: a gate said no. */
  | 'gate'
  | 'not_found'
  | 'conflict'
  | 'gone'
  | 'overloaded'
  | 'unavailable'
  | 'timeout'
  | 'unsupported'
  | 'internal'

export interface ErrorSpec {
  readonly kind: ErrorKind
  /** Whether the same call may succeed later, unchanged. */
  readonly retryable: boolean
  /** What the reader can do about it, one sentence. */
  readonly hint: string
}

/**
 * An operating error: expected in the field, with a public code that is never reused.
 * A bug is not one of these; it is a failed assertion, and nobody catches it to carry on.
 */
export class ModelwatchError extends Error {
  override readonly name = 'ModelwatchError'
  readonly code: string
  readonly kind: ErrorKind
  readonly retryable: boolean
  readonly hint: string

  constructor(code: string, spec: ErrorSpec, message: string, options?: { cause?: unknown; hint?: string }) {
    super(message, options?.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.kind = spec.kind
    this.retryable = spec.retryable
    this.hint = options?.hint ?? spec.hint
  }
}

export interface ErrorFactory {
  (message: string, options?: { cause?: unknown; hint?: string }): ModelwatchError
  /** As declared: the manual of errors is made from it. */
  readonly spec: ErrorSpec
}

/**
 * Declares a room's errors: a table from code to kind, retryability and hint.
 * @returns One factory per code: `throw errors.MW_X('what happened, with values')`. `options.hint` replaces the table's when the case knows better.
 */
export function defineErrors<const T extends Record<`MW_${string}`, ErrorSpec>>(specs: T): { readonly [K in keyof T]: ErrorFactory } {
  const factories: Record<string, ErrorFactory> = {}
  for (const [code, spec] of Object.entries(specs)) {
    factories[code] = Object.assign(
      (message: string, options?: { cause?: unknown; hint?: string }) => new ModelwatchError(code, spec, message, options),
      { spec },
    )
  }
  return factories as { readonly [K in keyof T]: ErrorFactory }
}

/** The message of anything thrown, for a log line or a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Ends a `switch` over a union: reaching it is a bug, and the compiler says where a case is missing. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`)
}
