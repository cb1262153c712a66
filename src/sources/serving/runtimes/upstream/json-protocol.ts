import type { ParsedConfig } from '../../../../core/config.ts'
import { messageOf } from '../../../../core/errors.ts'
import type { ModelSchema } from '../../../../watch/index.ts'
import { type Answer, said } from './client.ts'
import { type JsonUpstream, mismatch } from './config.ts'
import { upstreamErrors } from './errors.ts'
import { follow, type Pointer, parsePointer } from './json-pointer.ts'
import { parseAnswer } from './json-text.ts'
import type { Protocol } from './protocol.ts'
import { compileRequest } from './request-template.ts'

/**
 * A server with a JSON interface of its own, as upstream.yaml describes it.
 * @param server - Its address, for messages.
 * @throws MW_CONFIG_INVALID where upstream.yaml is wrong, MW_MODEL_MISMATCH where it does not fit model.yaml.
 */
export function bindJson(parsed: ParsedConfig<JsonUpstream>, schema: ModelSchema, server: string): Protocol {
  const { value: config } = parsed
  const fill = compileRequest(parsed, schema)
  const pointers = readPointers(parsed, schema)
  const write = config.encoding === 'form' ? bindForm(parsed) : (body: unknown) => JSON.stringify(body)
  const headers = { 'content-type': config.encoding === 'form' ? 'application/x-www-form-urlencoded' : 'application/json' }
  const read = createReader(schema, server, config.content_type)

  return {
    batch: config.batch,
    numbersAsText: config.numbers_as_text,
    encode: (columns, from, to) => ({ method: config.method, path: config.path, headers, body: write(fill(columns, from, to)) }),
    decode(answer, into, from, to) {
      const body = read(answer)
      for (const [o, column] of into.entries()) {
        const { name } = schema.outputs[o]!
        const values = pick(body, pointers[o]!, config.batch, to - from)
        if (typeof values === 'string') throw fault(server, `${name}: ${values}`, answer)
        for (const [i, value] of values.entries()) {
          const at = config.batch ? ` of row ${from + i}` : ''
          const reason = value === undefined ? `the answer has no ${pointers[o]!.text}${at}` : column.put(from + i, value)
          if (reason !== undefined) throw fault(server, `${name}${at}: ${reason}`, answer)
        }
      }
    },
  }
}

/** Reads the body of an answer. @throws MW_UPSTREAM_ANSWER when it is not JSON. */
export function createReader(schema: ModelSchema, server: string, contentType: JsonUpstream['content_type']): (answer: Answer) => unknown {
  const wide = schema.outputs.some(({ type }) => type === 'int64' || type === 'uint64')
  return (answer) => {
    const type = String(answer.headers['content-type'] ?? '')
    const encoding = answer.headers['content-encoding']
    if (encoding !== undefined && encoding !== 'identity')
      throw fault(server, `it is encoded as ${String(encoding)}, which was not asked for`, undefined)
    if (contentType === 'json' && !/^\s*(application|text)\/([\w.-]+\+)?json\s*(;|$)/i.test(type)) {
      throw fault(server, type === '' ? 'it has no content-type' : `it is ${type}, and not JSON`, answer)
    }
    try {
      return parseAnswer(answer.text, { wide })
    } catch (error) {
      throw fault(server, `it is not JSON (${messageOf(error)})`, answer)
    }
  }
}

/** An answer that cannot be used, with the server and what it said. */
export const fault = (server: string, reason: string, answer: Answer | undefined) =>
  upstreamErrors.MW_UPSTREAM_ANSWER(
    `the answer of ${server} cannot be used: ${reason}${answer === undefined ? '' : `; it answered${said(answer.text) || ' nothing'}`}`,
  )

function readPointers(parsed: ParsedConfig<JsonUpstream>, schema: ModelSchema): Pointer[] {
  const { value, error } = parsed
  for (const name of Object.keys(value.response)) {
    if (!schema.outputs.some((output) => output.name === name)) throw mismatch(parsed, ['response', name], 'is no output of model.yaml')
  }
  return schema.outputs.map(({ name }) => {
    const text = value.response[name]
    if (text === undefined) throw mismatch(parsed, ['response'], `does not say where the output ${name} stands`)
    const pointer = parsePointer(text)
    if (pointer === undefined) throw error(['response', name], 'has more than one *')
    if (pointer.after !== undefined && !value.batch) throw error(['response', name], 'has a *, which stands for many rows; batch is false')
    return pointer
  })
}

/** The values of the rows, undefined where there is none; or what is wrong. */
function pick(body: unknown, { text, before, after }: Pointer, batch: boolean, rows: number): readonly unknown[] | string {
  const found = follow(body, before)
  if (!batch) return [found]
  const place = after === undefined ? text : before.map((part) => `/${part}`).join('')
  if (found === undefined) return `the answer has no ${place}`
  if (!Array.isArray(found)) return `${place === '' ? 'the answer' : place} is no list`
  if (found.length !== rows) return `${place === '' ? 'the answer' : place} is a list of ${found.length} for ${rows} rows`
  return after === undefined ? found : found.map((item) => follow(item, after))
}

/** A form's fields: text as it is, anything else as JSON text. */
function bindForm({ value, error }: ParsedConfig<JsonUpstream>): (body: unknown) => string {
  const { request } = value
  if (typeof request !== 'object' || request === null || Array.isArray(request) || '$each' in request) {
    throw error(['request'], 'a form needs a mapping: a key for each field')
  }
  return (body) => {
    const form = new URLSearchParams()
    for (const [name, field] of Object.entries(body as Record<string, unknown>)) {
      form.append(name, typeof field === 'string' ? field : JSON.stringify(field))
    }
    return form.toString()
  }
}
