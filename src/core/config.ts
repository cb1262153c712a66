import { type Static, type TSchema, type TSchemaOptions, Type } from 'typebox'
import { Value } from 'typebox/value'
import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { defineErrors, type ModelwatchError, messageOf } from './errors.ts'

export const configErrors = defineErrors({
  MW_CONFIG_INVALID: { kind: 'config', retryable: false, hint: 'Correct the file at the place named and start again.' },
})

const durationPattern = '(?=\\d)(?:\\d+y)?(?:\\d+w)?(?:\\d+d)?(?:\\d+h)?(?:\\d+m)?(?:\\d+s)?(?:\\d+ms)?'

/** A Prometheus duration as text, such as `15s` or `1h30m`, or `0`; turn it into milliseconds with `parseDurationMs`. */
export function Duration(options: TSchemaOptions & { default?: string } = {}) {
  return Type.String({ title: 'a duration such as 15s or 1h30m', pattern: `^(?:0|${durationPattern})$`, ...options })
}

/** A duration that is not zero. */
export function PositiveDuration(options: TSchemaOptions & { default?: string } = {}) {
  return Type.String({ title: 'a duration above zero, such as 15s or 1h30m', pattern: `^(?=.*[1-9])${durationPattern}$`, ...options })
}

type Path = readonly (string | number)[]

/** A checked configuration file, and where each of its keys stands. */
export interface ParsedConfig<T> {
  /** Defaults filled in. */
  readonly value: T
  /** `file:line:column` of the value at a path, or of the nearest ancestor the file has. */
  at(path: Path): string
  /** An error about the value at a path that a schema cannot express. */
  error(path: Path, reason: string, options?: { cause?: unknown }): ModelwatchError
}

export interface ConfigSource {
  /** Named in errors. */
  readonly file: string
  /** Changes what the YAML says before it is checked, where the file's format is another program's: drops empty keys, names keys that are not supported. */
  readonly prepare?: (raw: unknown, error: ParsedConfig<unknown>['error'], document: Document) => unknown
}

/**
 * Reads YAML (or JSON, which is YAML) strictly: syntax, types and unknown keys are errors that name file, line, column and key.
 * Empty text is an empty mapping, so a file of nothing is a file of defaults.
 * @throws MW_CONFIG_INVALID at the first fault.
 */
export function parseConfig<S extends TSchema>(schema: S, text: string, source: ConfigSource): ParsedConfig<Static<S>> {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, logLevel: 'error' })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${source.file}:${line}:${col}`
  }
  const at = (path: Path) => place(offsetOf(document, path))
  const error: ParsedConfig<unknown>['error'] = (path, reason, options) =>
    configErrors.MW_CONFIG_INVALID(`${at(path)}: ${path.length === 0 ? '' : `${printPath(path)}: `}${reason}`, options)

  const syntax = document.errors[0]
  if (syntax !== undefined)
    throw configErrors.MW_CONFIG_INVALID(`${place(syntax.pos[0])}: ${syntaxFault(text, source.file, syntax.message)}`)

  const raw = toJs(document, error) ?? {}
  const prepared = source.prepare === undefined ? fillBlanks(schema, raw) : source.prepare(raw, error, document)
  const filled = Value.Default(schema, prepared)
  const fault = firstFault(schema, filled)
  if (fault !== undefined) throw error(fault.path, fault.reason)
  return { value: filled as Static<S>, at, error }
}

/** The values of a document. A few lines of aliases can stand for more than any memory holds; the parser counts them, and refuses. */
function toJs(document: Document, error: ParsedConfig<unknown>['error']): unknown {
  try {
    return document.toJS()
  } catch (cause) {
    throw error([], `cannot be read: ${messageOf(cause)}`, { cause })
  }
}

interface SchemaShape {
  readonly type?: string
  readonly title?: string
  readonly properties?: Readonly<Record<string, SchemaShape>>
  readonly items?: SchemaShape | readonly SchemaShape[]
}

/** What people write and mean: a block with nothing under it takes its defaults, and a bare 0, which YAML reads as a number, is a duration too. */
function fillBlanks(schema: SchemaShape, value: unknown): unknown {
  if (value === 0 && schema.type === 'string' && schema.title?.startsWith('a duration') === true) return '0'
  if (Array.isArray(value)) {
    const { items } = schema
    return items === undefined || Array.isArray(items) ? value : value.map((item) => fillBlanks(items as SchemaShape, item))
  }
  if (typeof value !== 'object' || value === null || schema.properties === undefined) return value
  const entries = Object.entries(value).filter(([key, child]) => child !== null || !isBlock(schema.properties?.[key]))
  return Object.fromEntries(entries.map(([key, child]) => [key, fillBlanks(schema.properties?.[key] ?? {}, child)]))
}

const isBlock = (schema: SchemaShape | undefined) => schema?.type === 'object' || schema?.type === 'array'

/** A file that calls itself JSON is told so: half of one is a broken flow sequence to a YAML parser, which helps nobody. */
function syntaxFault(text: string, file: string, message: string): string {
  if (!file.endsWith('.json')) return `not valid YAML: ${message}`
  try {
    JSON.parse(text)
  } catch (error) {
    return `not valid JSON: ${messageOf(error)}`
  }
  return `not valid JSON: ${message}`
}

interface Fault {
  readonly path: Path
  readonly reason: string
}

/** Of all the validator says, the one sentence a person can act on: an unknown key first, for it is usually a misspelt one. */
function firstFault(schema: TSchema, value: unknown): Fault | undefined {
  const errors = dropOtherBranches(Value.Errors(schema, value))
  const unknown = errors.find((e) => e.keyword === 'additionalProperties')
  if (unknown !== undefined) {
    const path = fromPointer(unknown.instancePath)
    const key = String((unknown.params as { additionalProperties: readonly string[] }).additionalProperties[0])
    const known = knownKeys(schema, unknown.schemaPath)
    return { path: [...path, key], reason: known.length === 0 ? 'unknown key' : `unknown key; known here: ${known.join(', ')}` }
  }
  const missing = errors.find((e) => e.keyword === 'required')
  if (missing !== undefined) {
    const keys = (missing.params as { requiredProperties: readonly string[] }).requiredProperties
    return { path: fromPointer(missing.instancePath), reason: `needs the key ${keys.join(', ')}` }
  }
  const first = errors.find((e) => e.keyword !== 'const') ?? errors[0]
  if (first === undefined) return undefined
  const allowed = errors
    .filter((e) => e.keyword === 'const' && e.instancePath === first.instancePath)
    .map((e) => String((e.params as { allowedValue: unknown }).allowedValue))
  const path = fromPointer(first.instancePath)
  const found = JSON.stringify(valueAt(value, path))
  if (allowed.length > 0) return { path, reason: `must be one of ${allowed.join(', ')}, not ${found}` }
  const title = schemaAt(schema, first.schemaPath)?.title
  return { path, reason: typeof title === 'string' ? `must be ${title}, not ${found}` : `${first.message}, not ${found}` }
}

type ValidationError = ReturnType<typeof Value.Errors>[number]

/**
 * Of a union told apart by a literal (`kind: number`), only the branch that was meant says anything of use: one whose literal
 * did not match is left out, unless none matched.
 */
function dropOtherBranches(errors: readonly ValidationError[]): readonly ValidationError[] {
  const branchOf = ({ schemaPath }: ValidationError) => /^.*\/anyOf\/\d+(?=\/properties\/[^/]+$)/.exec(schemaPath)?.[0]
  const others = errors.filter(({ keyword }) => keyword === 'const').flatMap((error) => branchOf(error) ?? [])
  const kept = errors.filter(({ schemaPath }) => !others.some((branch) => schemaPath === branch || schemaPath.startsWith(`${branch}/`)))
  return kept.some(({ keyword }) => keyword !== 'anyOf') ? kept.filter(({ keyword }) => keyword !== 'anyOf') : errors
}

function knownKeys(schema: TSchema, schemaPath: string): string[] {
  const properties = schemaAt(schema, schemaPath)?.properties
  return typeof properties === 'object' && properties !== null ? Object.keys(properties) : []
}

function schemaAt(schema: TSchema, schemaPath: string): Record<string, unknown> | undefined {
  const found = valueAt(schema, fromPointer(schemaPath.slice(1)))
  return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : undefined
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = (current as Record<string | number, unknown>)[key]
  }
  return current
}

function fromPointer(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** `features[2].range`, as one would write it. */
function printPath(path: Path): string {
  return path.map((key, i) => (/^\d+$/.test(String(key)) ? `[${key}]` : i === 0 ? key : `.${key}`)).join('')
}

/** Where a path stands in the text: at its key in a mapping, at the item in a list. */
function offsetOf(document: Document, path: Path): number {
  let node: Node | null = document.contents as Node | null
  let offset = node?.range?.[0] ?? 0
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key))
      if (pair === undefined) break
      offset = (pair.key as Node).range?.[0] ?? offset
      node = isNode(pair.value) ? pair.value : null
    } else {
      const child: unknown =
        node !== null && 'get' in node ? (node as { get(k: number, keep: boolean): unknown }).get(Number(key), true) : undefined
      if (!isNode(child)) break
      node = child
      offset = node.range?.[0] ?? offset
    }
  }
  return offset
}
