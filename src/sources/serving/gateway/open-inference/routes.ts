import type { FastifyBodyParser, FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../../../../core/time.ts'
import type { ModelHost } from '../../models/contract.ts'
import { gatewayErrors } from '../errors.ts'
import { unknownAddress } from '../unknown.ts'
import { addInferRoutes } from './infer-route.ts'
import { invalid, isObject } from './invalid.ts'
import { parseWideBody } from './json-text.ts'
import { describeModel } from './metadata.ts'

export interface OpenInferenceDeps {
  readonly clock: Clock
  /** Of modelwatch, for `GET /v2`. */
  readonly version: string
  /** Rows one request may have. */
  readonly rowsMax: number
}

const tags = ['open inference protocol']
const UNPROCESSABLE = 422
const BAD_REQUEST = 400

/**
 * The Open Inference Protocol v2 under `/v2`, as KServe, MLServer and Triton speak it: health, metadata, inference and the index of the repository.
 * Errors are `{"error": "text"}`; what is wrong with a request is a 400. The app must route model requests already (`routeModelRequests`).
 * @see https://github.com/kserve/open-inference-protocol
 */
export function addOpenInferenceRoutes(app: FastifyInstance, host: ModelHost, deps: OpenInferenceDeps): void {
  app.register(
    async (v2) => {
      takeBodies(v2, asJson)
      tellErrors(v2)
      v2.setNotFoundHandler((request) => {
        throw unknownAddress(request, '/v2/models/', host)
      })

      v2.get('/', { schema: { tags, summary: 'The server' } }, () => ({
        name: 'modelwatch',
        version: deps.version,
        extensions: ['binary_tensor_data', 'model_repository_index'],
      }))
      v2.get('/health/live', { schema: { tags, summary: 'The process answers' } }, () => ({ live: true }))
      v2.get('/health/ready', { schema: { tags, summary: 'Every model is loaded and requests are welcome' } }, () => ({
        live: true, // The protocol's text says live here too; readers of its intent look for ready.
        ready: true, // Models are loaded before the gateway listens, and one that stops answers 503 to everything.
      }))

      for (const model of host.models) {
        const { name } = model.schema
        for (const { path, hide } of [
          { path: `/models/${name}`, hide: false },
          { path: `/models/${name}/versions/:revision`, hide: true },
        ]) {
          // Asked for by a name that is not in service, choose says so.
          const choose = (params: unknown) => model.choose({ revision: (params as { revision?: string }).revision })
          v2.get(path, { schema: { tags, hide, summary: `Inputs and outputs of ${name}` } }, ({ params }) => {
            choose(params)
            return describeModel(model)
          })
          v2.get(`${path}/ready`, { schema: { tags, hide, summary: `${name} answers` } }, ({ params }) => {
            choose(params)
            return { name, ready: true }
          })
        }
      }
      v2.register(async (infer) => {
        takeBodies(infer, asBytes)
        for (const model of host.models) addInferRoutes(infer, model, { ...deps, tags })
      })

      v2.post('/repository/index', { schema: { tags, summary: 'Models and versions in service' } }, ({ body }) => {
        if (body !== undefined && !isObject(body)) throw invalid('the body must be an object')
        if (body?.ready !== undefined && typeof body.ready !== 'boolean') throw invalid('ready must be true or false')
        return host.models.flatMap(
          (
            { schema, revisions }, // Only what is in service is listed, so all of it is ready.
          ) => revisions().map(({ served }) => ({ name: schema.name, version: served.revision, state: 'READY', reason: '' })),
        )
      })
    },
    { prefix: '/v2' },
  )
}

type Parse = (body: Buffer) => unknown

/** How the bodies of a scope's requests are read: as JSON that keeps its 64-bit integers, or not yet, where binary data may follow the JSON. */
function takeBodies(v2: FastifyInstance, parse: Parse): void {
  const read: FastifyBodyParser<Buffer> = (request, body, done) => {
    if (request.is404) return done(null, undefined) // The address is what is wrong.
    const type = request.headers['content-type']
    try {
      // Triton's own clients send no type at all.
      if (type !== undefined && !bodyTypes.test(type)) throw otherType(type)
      done(null, parse(body))
    } catch (error) {
      done(error as Error)
    }
  }
  v2.removeAllContentTypeParsers()
  v2.addContentTypeParser('*', { parseAs: 'buffer' }, read)
}

const bodyTypes = /^application\/(?:json|octet-stream)\s*(?:;|$)/i
const otherType = (type: string) =>
  gatewayErrors.MW_BODY_TYPE(
    `the body must be sent as application/json or application/octet-stream, got ${JSON.stringify(type.slice(0, 64))}`,
  )
const asJson: Parse = (body) => (body.length === 0 ? undefined : parseWideBody(body.toString()))
const asBytes: Parse = (body) => body

/** Errors take the protocol's form; which error it is, and whom to tell, the gateway has decided by then. */
function tellErrors(v2: FastifyInstance): void {
  v2.addHook('preSerialization', async (_request, reply: FastifyReply, payload) => {
    if (reply.statusCode < BAD_REQUEST || !isObject(payload)) return payload
    if (reply.statusCode === UNPROCESSABLE) reply.code(BAD_REQUEST)
    return { error: payload.error }
  })
}
