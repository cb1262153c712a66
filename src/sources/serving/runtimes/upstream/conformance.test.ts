import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModelSchema } from '../../../../watch/index.ts'
import { type DefinitionName, definitions, type RuntimeSubject, runtimeConformance } from '../testing.ts'
import { upstreamRuntime } from './index.ts'
import { parseAnswer, toBareInteger } from './json-text.ts'
import { reply, type SeenRequest, startServer } from './testing.ts'

type Row = Readonly<Record<string, unknown>>
const FAILING = 13

/** What the servers of this test compute, in terms of JSON: a picture is base64, a whole number of 64 bits a bigint. */
const answers: Readonly<Record<DefinitionName, (row: Row) => Row>> = {
  sum: ({ a, b }) => ({ total: a === null ? null : (a as number) + (b as number) }),
  mixed: ({ x, n, flag, c }) => ({ score: (x as number) + (n as number) + (flag === true ? 1 : 0), label: c }),
  int64: ({ w }) => ({ same: w }),
  shape: ({ s }) => ({ same: s }),
  image: ({ p }) => ({ same: p }),
}

/** Numbers beyond what a double holds are bigint, which JSON.stringify does not take. */
const toJson = (body: unknown) => JSON.stringify(body, (_, value: unknown) => (typeof value === 'bigint' ? toBareInteger(value) : value))

function refuse(rows: readonly Row[], response: ServerResponse): boolean {
  const fails = rows.some(({ a }) => a === FAILING)
  if (fails) reply(response, { error: 'thirteen is refused' }, { status: 422 })
  return fails
}

/** `POST /NAME {"rows": [...]}` → `{"rows": [...]}`; `POST /NAME/one {...}` → `{...}`. */
function plainServer({ path, body }: SeenRequest, response: ServerResponse): void {
  const [, name, one] = path.split('/')
  const parsed = parseAnswer(body, { wide: true }) as { rows: Row[] } & Row
  const rows = one === undefined ? parsed.rows : [parsed]
  const answer = answers[name as DefinitionName]
  if (answer === undefined) {
    reply(response, { error: `no model ${name}` }, { status: 404 })
    return
  }
  if (refuse(rows, response)) return
  reply(response, toJson(one === undefined ? { rows: rows.map(answer) } : answer(parsed)))
}

interface Tensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: readonly unknown[]
}

const datatypes: Readonly<Record<string, string>> = {
  number: 'FP64',
  integer: 'INT32',
  boolean: 'BOOL',
  category: 'BYTES',
  int64: 'INT64',
  image: 'BYTES',
  classification: 'BYTES',
  regression: 'FP64',
}

const toMetadata = (schema: ModelSchema) => ({
  name: schema.name,
  platform: 'test',
  versions: ['1'],
  inputs: schema.features.map(({ name, type, shape }) => ({ name, datatype: datatypes[type], shape: [-1, ...(shape ?? [])] })),
  outputs: schema.outputs.map(({ name, kind, type = 'number', shape }) => ({
    name,
    datatype: datatypes[kind === 'value' ? type : kind],
    shape: [-1, ...(shape ?? [1])],
  })),
})

/** A server of the Open Inference Protocol v2 with every definition, by the name of its schema. */
function openInferenceServer({ path, body }: SeenRequest, response: ServerResponse): void {
  const [, , , model, action] = path.split('/')
  const found = (Object.keys(definitions) as DefinitionName[]).find((name) => definitions[name].schema.name === model)
  if (found === undefined) {
    reply(response, { error: `no model ${model}` }, { status: 404 })
    return
  }
  const { schema } = definitions[found]
  if (action === 'ready') {
    reply(response, { name: model, ready: true })
    return
  }
  if (action === undefined) {
    reply(response, toMetadata(schema))
    return
  }
  const { inputs } = parseAnswer(body, { wide: true }) as { inputs: readonly Tensor[] }
  const rows = Array.from({ length: inputs[0]!.shape[0]! }, (_, r) =>
    Object.fromEntries(
      inputs.map(({ name, shape, data }) => {
        const width = shape.slice(1).reduce((a, b) => a * b, 1)
        return [name, shape.length > 1 && width > 1 ? data.slice(r * width, (r + 1) * width) : data[r]]
      }),
    ),
  )
  if (refuse(rows, response)) return
  const answered = rows.map(answers[found])
  const outputs = toMetadata(schema).outputs.map(({ name, datatype, shape }) => ({
    name,
    datatype,
    shape: [rows.length, ...shape.slice(1)],
    data: answered.flatMap((row) => row[name]),
  }))
  reply(response, toJson({ model_name: model, outputs }))
}

async function subject(
  server: typeof plainServer,
  toYaml: (name: DefinitionName, url: string) => string,
  knowsMismatch: boolean,
): Promise<RuntimeSubject> {
  const dir = await mkdtemp(join(tmpdir(), 'upstream-'))
  const { url, close } = await startServer(server)
  const write = async (name: string, text: string) => {
    await writeFile(join(dir, name), text)
    return join(dir, name)
  }
  return {
    runtime: upstreamRuntime,
    placements: ['inline', 'threads'],
    takes: ['int64', 'shape', 'image'],
    make: (name) => write(`${name}.yaml`, toYaml(name, url)),
    broken: [
      { why: 'absent', code: 'MW_MODEL_UNREADABLE', make: async () => join(dir, 'none.yaml') },
      { why: 'no YAML', code: 'MW_CONFIG_INVALID', make: () => write('broken.yaml', 'url: [') },
      { why: 'another key', code: 'MW_CONFIG_INVALID', make: () => write('key.yaml', `${toYaml('sum', url)}\ncolour: red\n`) },
    ],
    failing: { a: FAILING, b: 1, message: /answered 422: thirteen is refused/, code: 'MW_UPSTREAM_REFUSED' },
    knowsMismatch,
    async close() {
      await close()
      await rm(dir, { recursive: true })
    },
  }
}

const responses = (name: DefinitionName, before: string) =>
  definitions[name].schema.outputs.map((output) => `  ${output.name}: ${before}/${output.name}`).join('\n')

runtimeConformance('upstream, JSON of many rows', () =>
  subject(
    plainServer,
    (name, url) => `url: ${url}\nprotocol: json\npath: /${name}\nrequest: { rows: $rows }\nresponse:\n${responses(name, '/rows/*')}\n`,
    true,
  ),
)

runtimeConformance('upstream, JSON of one row', () =>
  subject(
    plainServer,
    (name, url) => `url: ${url}\nprotocol: json\npath: /${name}/one\nbatch: false\nrequest: $row\nresponse:\n${responses(name, '')}\n`,
    true,
  ),
)

runtimeConformance('upstream, Open Inference Protocol', () =>
  subject(openInferenceServer, (name, url) => `url: ${url}\nprotocol: open-inference\nmodel: ${definitions[name].schema.name}\n`, true),
)
