import { type ErrorKind, ModelwatchError, messageOf } from '../../../../core/errors.ts'

/** An error as it travels between threads. */
export interface WireError {
  readonly name: string
  readonly message: string
  /** Where it happened, in the thread. */
  readonly stack: string | undefined
  /** Of an error of ours. */
  readonly known: { readonly code: string; readonly kind: ErrorKind; readonly retryable: boolean; readonly hint: string } | undefined
  readonly cause: WireError | undefined
}

/** Causes told of, one inside the other; a circle of them ends there. */
const CAUSES_MAX = 5

/** Of anything thrown: only text travels, for what else an error carries may not be cloned. */
export function toWireError(error: unknown, depth = 0): WireError {
  const isError = error instanceof Error
  return {
    name: isError ? error.name : 'Error',
    message: messageOf(error),
    stack: isError && typeof error.stack === 'string' ? error.stack : undefined,
    known:
      error instanceof ModelwatchError ? { code: error.code, kind: error.kind, retryable: error.retryable, hint: error.hint } : undefined,
    cause: isError && error.cause !== undefined && depth < CAUSES_MAX ? toWireError(error.cause, depth + 1) : undefined,
  }
}

/** The error as it was, with the stack of the thread. */
export function fromWireError({ name, message, stack, known, cause }: WireError): Error {
  const options = cause === undefined ? undefined : { cause: fromWireError(cause) }
  const error = known === undefined ? new Error(message, options) : new ModelwatchError(known.code, known, message, options)
  if (known === undefined && name !== 'Error') Object.defineProperty(error, 'name', { value: name, configurable: true })
  if (stack !== undefined) Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return error
}
