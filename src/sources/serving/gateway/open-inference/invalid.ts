import { gatewayErrors } from '../errors.ts'

const hint = 'GET /v2/models/MODEL says which inputs the model takes; docs/serving.md has an example.'

/** A request that is not of the protocol, or not for this model: MW_BODY_INVALID. */
export const invalid = (message: string) => gatewayErrors.MW_BODY_INVALID(message, { hint })

/** Clients that are made from classes write null for what is absent. */
export const toOptional = (value: unknown): unknown => value ?? undefined

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
