import type { IncomingMessage } from 'node:http'
import type { Multipart } from '@fastify/multipart'
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Feature, type ModelSchema, toInputValue } from '../../../../watch/index.ts'
import { gatewayErrors } from '../errors.ts'

const NAME_BYTES_MAX = 256
const hint = 'Send multipart/form-data with a file for each picture and a field for each other feature, each once.'

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
export async function readForm(request: FastifyRequest, schema: ModelSchema, bodyBytesMax: number): Promise<Record<string, unknown>> {
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge(bodyBytesMax)
  const row = readParts(request, schema, bodyBytesMax)
  // The parser of forms reads on to the end, however much is too much: what it is fed from is cut off. It then hears that the connection was closed.
  const bound = boundBytes(request.raw, bodyBytesMax)
  try {
    return await Promise.race([row, bound.exceeded])
  } catch (error) {
    // The parser stands still at a part that nobody reads, and the next request of the connection stands behind it.
    request.raw.unpipe()
    request.raw.resume()
    throw toRefusal(error, bodyBytesMax)
  } finally {
    bound.release()
  }
}

const tooLarge = (bytesMax: number) =>
  gatewayErrors.MW_BODY_TOO_LARGE(`the form has more than ${bytesMax} bytes, as many as a body may have`)

/** Stops a request whose body is longer. @returns `exceeded`, which rejects then, and else never settles. */
function boundBytes(request: IncomingMessage, bytesMax: number) {
  const { promise: exceeded, reject } = Promise.withResolvers<never>()
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= bytesMax) return
    request.unpipe()
    request.pause()
    reject(tooLarge(bytesMax))
  }
  request.on('data', count)
  return { exceeded, release: () => request.off('data', count) }
}

async function readParts(request: FastifyRequest, { features }: ModelSchema, bodyBytesMax: number): Promise<Record<string, unknown>> {
  const row = new Map<string, unknown>()
  // Twice as many as there are features: one too many is told by its name, and no more are read.
  for await (const part of request.parts({ limits: { parts: features.length * 2 + 1 } })) {
    const feature = features.find(({ name }) => name === part.fieldname)
    const value = await readPart(part, feature, bodyBytesMax)
    if (row.has(part.fieldname)) throw gatewayErrors.MW_BODY_INVALID(`the form has ${JSON.stringify(part.fieldname)} twice`, { hint })
    row.set(part.fieldname, value)
  }
  return Object.fromEntries(row)
}

async function readPart(part: Multipart, feature: Feature | undefined, bodyBytesMax: number): Promise<unknown> {
  if (part.type === 'file') return (await part.toBuffer()).toString('base64')
  if (part.valueTruncated) throw tooLarge(bodyBytesMax)
  const text = String(part.value)
  return feature === undefined ? text : toInputValue(feature, text)
}

/** What the parser says, in our words. Its own errors are plain ones, or have a code of Fastify's. */
function toRefusal(error: unknown, bodyBytesMax: number): unknown {
  if (!(error instanceof Error)) return error
  const { code, message } = error as Error & { code?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge(bodyBytesMax)
  if (code === 'FST_PARTS_LIMIT') return gatewayErrors.MW_BODY_INVALID('the form has more parts than the model has features', { hint })
  // Nobody is there to read it; but it is the client's doing, and no fault of ours to be logged.
  if (code === 'ECONNRESET') return gatewayErrors.MW_BODY_INVALID('the client went away in the middle of the form', { cause: error })
  const isParsers = code?.startsWith('FST_') ?? error.constructor === Error
  return isParsers ? gatewayErrors.MW_BODY_INVALID(`the form cannot be read: ${message}`, { cause: error, hint }) : error
}
