import { dirname, resolve } from 'node:path'
import { type Static, Type } from 'typebox'
import { Duration, type ParsedConfig, PositiveDuration, parseConfig } from '../../../../core/config.ts'
import { parseDurationMs } from '../../../../core/time.ts'
import { runtimeErrors } from '../errors.ts'

const Breaker = Type.Object(
  {
    failure_ratio: Type.Number({
      default: 0.5,
      exclusiveMinimum: 0,
      maximum: 1,
      description: 'Share of failed requests at which the server is left alone.',
    }),
    window: PositiveDuration({ default: '10s', description: 'Time over which requests are counted.' }),
    requests_min: Type.Integer({
      default: 10,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Fewest requests in the window to judge at all.',
    }),
    open: PositiveDuration({ default: '5s', description: 'How long nothing is sent before the server is tried again.' }),
    trials: Type.Integer({ default: 3, minimum: 1, maximum: 100, description: 'Requests that must succeed before all are sent again.' }),
  },
  { additionalProperties: false, default: {} },
)

const Tls = Type.Object(
  {
    ca_file: Type.Optional(Type.String({ description: 'Certificates that are trusted in place of those of the system, PEM.' })),
    cert_file: Type.Optional(Type.String({ description: 'Certificate shown to the server, PEM.' })),
    key_file: Type.Optional(Type.String({ description: 'Key of that certificate, PEM.' })),
    server_name: Type.Optional(
      Type.String({ description: 'Name the certificate of the server must bear; that of the url where left out.' }),
    ),
    insecure_skip_verify: Type.Boolean({ default: false, description: 'Whether any certificate will do.' }),
  },
  { additionalProperties: false, default: {} },
)

const Header = Type.Record(Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }), Type.String(), {
  additionalProperties: false,
  default: {},
})
const Path = (options: { default?: string; description: string }) =>
  Type.String({ title: 'a path such as /predict', pattern: '^/\\S*$', ...options })

const common = {
  url: Type.String({
    title: 'an address such as http://127.0.0.1:8080',
    pattern: '^https?://\\S+$',
    description: 'Address of the server; a path in it stands before every other.',
  }),
  batch: Type.Boolean({
    default: true,
    description: 'Whether the server takes many rows in one request; if not, rows are sent each in its own, up to connections at a time.',
  }),
  connections: Type.Integer({
    default: 16,
    minimum: 1,
    maximum: 1024,
    description: 'Requests under way at the same time, each on a connection of its own.',
  }),
  timeout: PositiveDuration({ default: '10s', description: 'Longest wait for the answer to a request, further attempts included.' }),
  connect_timeout: PositiveDuration({ default: '2s', description: 'Longest wait for a connection.' }),
  startup_wait: Duration({ default: '10s', description: 'How long loading waits for a server that does not answer yet.' }),
  response_bytes_max: Type.Integer({ default: 16_777_216, minimum: 1, maximum: 536_870_912, description: 'Longest answer that is read.' }),
  headers: Header,
  header_files: Header,
  bearer_token_file: Type.Optional(
    Type.String({ description: 'File whose text is sent as the token of the header authorization; read anew when it changes.' }),
  ),
  tls: Tls,
  retry: Type.Boolean({
    default: true,
    description:
      'Whether a request may be sent again after one that may have reached the server. False for a server that must not see a row twice.',
  }),
  attempts_max: Type.Integer({ default: 3, minimum: 1, maximum: 20, description: 'Most attempts at one request, the first included.' }),
  backoff: PositiveDuration({
    default: '50ms',
    description: 'Longest pause before the second attempt; doubled before each further one, and drawn at random below that.',
  }),
  breaker: Breaker,
  probe: Type.Boolean({ default: true, description: 'Whether a row made from model.yaml is predicted when the model is loaded.' }),
}

/** `upstream.yaml` for a server that speaks the Open Inference Protocol v2. */
export const OpenInferenceUpstream = Type.Object(
  {
    protocol: Type.Literal('open-inference', { description: 'How the server is talked to.' }),
    model: Type.Optional(Type.String({ minLength: 1, description: 'Name of the model on the server; that of model.yaml where left out.' })),
    version: Type.Optional(
      Type.String({ minLength: 1, description: 'Version of the model on the server; its own choice where left out.' }),
    ),
    ...common,
  },
  { additionalProperties: false },
)

/** `upstream.yaml` for a server with a JSON interface of its own. */
export const JsonUpstream = Type.Object(
  {
    protocol: Type.Literal('json', { description: 'How the server is talked to.' }),
    method: Type.Union([Type.Literal('POST'), Type.Literal('PUT')], { default: 'POST', description: 'HTTP method.' }),
    path: Path({ default: '/', description: 'Where predictions are asked for.' }),
    health: Type.Optional(Path({ description: 'A path that answers 2xx when the server is ready; asked when the model is loaded.' })),
    encoding: Type.Union([Type.Literal('json'), Type.Literal('form')], {
      default: 'json',
      description:
        'json sends the request as the body; form sends each of its keys as a field of a form, text as it is and anything else as JSON text.',
    }),
    request: Type.Unknown({
      description: 'What is sent: any JSON, in which $rows, $row, $values, $columns, $features.NAME and {$each: …} stand for the rows.',
    }),
    response: Type.Record(
      Type.String(),
      Type.String({ title: 'a JSON pointer such as /quality or /predictions/*/quality', pattern: '^(/.*)?$' }),
      {
        description: 'For each output, where it stands in the answer: a JSON pointer, with * where the rows lie.',
      },
    ),
    not_sent: Type.Array(Type.String(), { default: [], description: 'Features the server is not told; they are watched all the same.' }),
    numbers_as_text: Type.Boolean({ default: false, description: 'Whether a number may come as text.' }),
    content_type: Type.Union([Type.Literal('json'), Type.Literal('any')], {
      default: 'json',
      description: 'any reads an answer as JSON whatever its header content-type says.',
    }),
    ...common,
  },
  { additionalProperties: false },
)

export type OpenInferenceUpstream = Static<typeof OpenInferenceUpstream>
export type JsonUpstream = Static<typeof JsonUpstream>
export type UpstreamConfig = OpenInferenceUpstream | JsonUpstream

const Protocol = Type.Object(
  { protocol: Type.Union([Type.Literal('json'), Type.Literal('open-inference')]) },
  { additionalProperties: true },
)

export type UpstreamFile =
  | { readonly protocol: 'json'; readonly parsed: ParsedConfig<JsonUpstream> }
  | { readonly protocol: 'open-inference'; readonly parsed: ParsedConfig<OpenInferenceUpstream> }

/**
 * Reads `upstream.yaml`. Paths of files are relative to it.
 * @throws MW_CONFIG_INVALID naming file, line and key.
 */
export function parseUpstream(text: string, file: string): UpstreamFile {
  // Which keys there are depends on the protocol; asked for first, so that an unknown key is told with those of its own protocol.
  const { protocol } = parseConfig(Protocol, text, { file }).value
  const found: UpstreamFile =
    protocol === 'json'
      ? { protocol, parsed: parseConfig(JsonUpstream, text, { file }) }
      : { protocol, parsed: parseConfig(OpenInferenceUpstream, text, { file }) }
  check(found.parsed, file)
  return found
}

function check({ value, error }: ParsedConfig<UpstreamConfig>, file: string): void {
  const url = URL.canParse(value.url) ? new URL(value.url) : undefined
  if (url === undefined) throw error(['url'], `is no address: ${JSON.stringify(value.url)}`)
  if (url.username !== '' || url.password !== '')
    throw error(['url'], 'holds a password; put it into a file of header_files or bearer_token_file')
  if (url.search !== '' || url.hash !== '') throw error(['url'], 'must end with its path: no ? and no #')
  const { cert_file, key_file } = value.tls
  if ((cert_file === undefined) !== (key_file === undefined)) throw error(['tls'], 'cert_file and key_file go together')
  const names = [
    ...Object.keys(value.headers),
    ...Object.keys(value.header_files),
    ...(value.bearer_token_file === undefined ? [] : ['authorization']),
  ]
  const seen = new Set<string>()
  for (const name of names.map((name) => name.toLowerCase())) {
    if (reservedHeaders.includes(name)) throw error(['headers'], `${name} is set by modelwatch itself`)
    if (seen.has(name)) throw error(['headers'], `${name} is given twice`)
    seen.add(name)
  }
  for (const path of Object.keys(value.header_files)) value.header_files[path] = resolve(dirname(file), value.header_files[path]!)
  if (value.bearer_token_file !== undefined) value.bearer_token_file = resolve(dirname(file), value.bearer_token_file)
  for (const key of ['ca_file', 'cert_file', 'key_file'] as const) {
    if (value.tls[key] !== undefined) value.tls[key] = resolve(dirname(file), value.tls[key])
  }
}

/** What a request of ours says itself, or what would break its framing. */
const reservedHeaders = [
  'content-type',
  'content-length',
  'transfer-encoding',
  'connection',
  'host',
  'expect',
  'upgrade',
  'keep-alive',
  'accept-encoding',
  'request-timeout',
]

/** upstream.yaml and model.yaml say different things; told with the place in upstream.yaml. */
export const mismatch = ({ error }: ParsedConfig<unknown>, path: readonly (string | number)[], reason: string) =>
  runtimeErrors.MW_MODEL_MISMATCH(error(path, reason).message, {
    hint: 'Make upstream.yaml and model.yaml agree on the names of features and outputs.',
  })

/** A duration the schema has checked. */
export const toMs = (duration: string): number => parseDurationMs(duration)!
