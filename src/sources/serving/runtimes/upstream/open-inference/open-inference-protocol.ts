import { ModelwatchError } from '../../../../../core/errors.ts'
import type { ModelSchema } from '../../../../../watch/index.ts'
import { runtimeErrors } from '../../errors.ts'
import { type Answer, said, type UpstreamClient } from '../client.ts'
import type { OpenInferenceUpstream } from '../config.ts'
import { upstreamErrors } from '../errors.ts'
import { createReader, fault } from '../json-protocol.ts'
import type { Protocol } from '../protocol.ts'
import { bindInputs } from './inputs.ts'
import { checkMetadata, type TensorMetadata } from './metadata.ts'
import { bindOutputs } from './outputs.ts'

/**
 * A server that speaks the Open Inference Protocol v2: asks whether the model is ready and what it takes and answers, and holds that against model.yaml.
 * @throws MW_MODEL_MISMATCH, and what the client throws when the server is away or has no such model.
 */
export async function bindOpenInference(config: OpenInferenceUpstream, schema: ModelSchema, client: UpstreamClient): Promise<Protocol> {
  const model = config.model ?? schema.name
  const path = `/v2/models/${encodeURIComponent(model)}${config.version === undefined ? '' : `/versions/${encodeURIComponent(config.version)}`}`
  const place = `${client.name}${path}`
  const readBody = createReader(schema, client.name, 'json')
  await expectReady(client, `${path}/ready`, place)
  const metadata = checkMetadata(readBody(await client.send({ method: 'GET', path })), place)
  const toInputs = bindInputs(metadata, schema, place)
  const outputs = bindOutputs(metadata, schema, place)
  const asked = outputs.names.map((name) => ({ name }))
  const headers = { 'content-type': 'application/json' }

  return {
    numbersAsText: false,
    batch: config.batch && !takesOneRow(metadata.inputs, place),
    encode: (columns, from, to) => ({
      method: 'POST',
      path: `${path}/infer`,
      headers,
      body: JSON.stringify({ inputs: toInputs(columns, from, to), outputs: asked }),
    }),
    decode(answer: Answer, into, from, to) {
      const body = readBody(answer)
      const tensors = typeof body === 'object' && body !== null ? (body as { outputs?: unknown }).outputs : undefined
      const reason = outputs.read(tensors, into, from, to)
      if (reason !== undefined) throw fault(client.name, reason, answer)
    },
  }
}

/** A model that is still being loaded is said to be so with 400, or in the body, by some servers. */
async function expectReady(client: UpstreamClient, path: string, place: string): Promise<void> {
  let text: string
  try {
    text = (await client.send({ method: 'GET', path })).text
  } catch (error) {
    if (!(error instanceof ModelwatchError) || error.kind !== 'invalid') throw error
    throw upstreamErrors.MW_UPSTREAM_UNAVAILABLE(`${place} is not ready: ${error.message}`, { cause: error })
  }
  if (/"ready"\s*:\s*false/.test(text)) throw upstreamErrors.MW_UPSTREAM_UNAVAILABLE(`${place} is not ready${said(text)}`)
}

/** A model that was exported for a batch of one says so in the first length of its shapes. */
function takesOneRow(inputs: readonly TensorMetadata[], place: string): boolean {
  const lengths = new Set(inputs.map(({ shape }) => shape[0]).filter((length) => length !== -1))
  if (lengths.size === 0) return false
  if (lengths.size === 1 && lengths.has(1)) return true
  throw runtimeErrors.MW_MODEL_MISMATCH(
    `${place} takes exactly ${[...lengths].join(' or ')} rows at a time; it must take one, or any number`,
  )
}
