import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Clock } from '../../../../core/time.ts'
import type { ModelHost } from '../../models/contract.ts'
import { gatewayErrors } from '../errors.ts'
import { addInferRoutes } from './infer-route.ts'
import { parseWideBody } from './json-text.ts'
import { describeModel } from './metadata.ts'
import { invalid, isObject } from './read-tensor.ts'

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
      speakProtocol(v2)
      v2.setNotFoundHandler((request) => {
        throw notFound(request.method, request.url, host)
      })

      v2.get('/', { schema: { tags, summary: 'The server' } }, () => ({
        name: 'modelwatch',
        version: deps.version,
        extensions: ['model_repository_index'],
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
        addInferRoutes(v2, model, { ...deps, tags })
      }

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

/** Bodies keep their 64-bit integers, and errors take the protocol's form; which error it is, and whom to tell, the gateway has decided by then. */
function speakProtocol(v2: FastifyInstance): void {
  v2.removeAllContentTypeParsers()
  v2.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? undefined : parseWideBody(body as string))
    } catch (error) {
      done(error as Error)
    }
  })
  v2.addContentTypeParser('application/octet-stream', (_request, payload, done) => {
    payload.resume()
    done(invalid('binary tensor data is not supported; send data as JSON'))
  })
  v2.addHook('preSerialization', async (_request, reply: FastifyReply, payload) => {
    if (reply.statusCode < BAD_REQUEST || !isObject(payload)) return payload
    if (reply.statusCode === UNPROCESSABLE) reply.code(BAD_REQUEST)
    return { error: payload.error }
  })
}

function notFound(method: string, url: string, host: ModelHost): Error {
  const [path = ''] = url.split('?')
  const named = /^\/v2\/models\/([^/]+)/.exec(path)?.[1]
  if (named !== undefined && host.get(named) === undefined) {
    const names = host.models.map(({ schema }) => schema.name)
    return gatewayErrors.MW_MODEL_UNKNOWN(`no model ${named.slice(0, 64)} is served here; there is ${names.join(', ')}`)
  }
  return gatewayErrors.MW_ROUTE_UNKNOWN(`${method} ${path.slice(0, 100)} is not an address of this gateway`)
}
