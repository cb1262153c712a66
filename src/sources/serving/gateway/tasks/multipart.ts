import type { Multipart } from '@fastify/multipart'
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Feature, type ModelSchema, toInputValue } from '../../../../watch/index.ts'
import { gatewayErrors } from '../errors.ts'

const NAME_BYTES_MAX = 256

/** Whether a model takes a picture, which clients like to send as a file. */
export const takesPictures = ({ features }: ModelSchema): boolean => features.some(({ type }) => type === 'image')

/** Lets the routes of this scope take multipart/form-data. */
export async function addMultipart(scope: FastifyInstance, bodyBytesMax: number): Promise<void> {
  await scope.register(multipart, { limits: { fieldNameSize: NAME_BYTES_MAX, fieldSize: bodyBytesMax, fileSize: bodyBytesMax } })
}

/**
 * One row from a form: a file for each picture, a field for each other feature, written as in a table (`3.5`, `true`, `red`, `[1, 2]`).
 * @throws MW_BODY_TOO_LARGE, MW_BODY_INVALID. Whether the row fits the model, the row reader says.
 */
export async function readForm(request: FastifyRequest, { features }: ModelSchema, bodyBytesMax: number): Promise<Record<string, unknown>> {
  const row = new Map<string, unknown>()
  let bytes = 0
  try {
    // Twice as many as there are features: one too many is told by its name, and no more are read.
    for await (const part of request.parts({ limits: { parts: features.length * 2 + 1 } })) {
      const feature = features.find(({ name }) => name === part.fieldname)
      const { value, size } = await readPart(part, feature)
      bytes += size
      if (bytes > bodyBytesMax) throw gatewayErrors.MW_BODY_TOO_LARGE(`the parts of the form have more than ${bodyBytesMax} bytes together`)
      if (row.has(part.fieldname)) throw gatewayErrors.MW_BODY_INVALID(`the form has ${JSON.stringify(part.fieldname)} twice`)
      row.set(part.fieldname, value)
    }
  } catch (error) {
    throw toRefusal(error, bodyBytesMax)
  }
  return Object.fromEntries(row)
}

async function readPart(part: Multipart, feature: Feature | undefined): Promise<{ value: unknown; size: number }> {
  if (part.type === 'file') {
    const file = await part.toBuffer()
    return { value: file.toString('base64'), size: file.length }
  }
  if (part.valueTruncated) throw gatewayErrors.MW_BODY_TOO_LARGE(`the field ${JSON.stringify(part.fieldname)} is larger than a body may be`)
  const text = String(part.value)
  return { value: feature === undefined ? text : toInputValue(feature, text), size: Buffer.byteLength(text) }
}

/** What the parser says, in our words. Its own errors are plain ones, or have a code of Fastify's. */
function toRefusal(error: unknown, bodyBytesMax: number): unknown {
  if (!(error instanceof Error)) return error
  const { code, message } = error as Error & { code?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return gatewayErrors.MW_BODY_TOO_LARGE(`a part of the form has more than ${bodyBytesMax} bytes`)
  if (code === 'FST_PARTS_LIMIT') return gatewayErrors.MW_BODY_INVALID('the form has more parts than the model has features')
  // Nobody is there to read it; but it is the client's doing, and no fault of ours to be logged.
  if (code === 'ECONNRESET') return gatewayErrors.MW_BODY_INVALID('the client went away in the middle of the form', { cause: error })
  const isParsers = code?.startsWith('FST_') ?? error.constructor === Error
  return isParsers ? gatewayErrors.MW_BODY_INVALID(`the form cannot be read: ${message}`, { cause: error }) : error
}
