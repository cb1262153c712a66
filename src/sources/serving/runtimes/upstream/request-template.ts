import type { ParsedConfig } from '../../../../core/config.ts'
import type { Columns, ModelSchema } from '../../../../watch/index.ts'
import { type JsonUpstream, mismatch } from './config.ts'
import { type Cell, createCell } from './input-cells.ts'

/** JSON for the rows from `from`, included, to `to`, not; of one row where the template is of one. */
type Fill = (columns: Columns, from: number, to: number) => unknown
type Path = readonly (string | number)[]

/**
 * Compiles the `request` of upstream.yaml: any JSON, in which these words stand for the rows.
 *
 * ```text
 * where one row is meant             where all rows are meant
 * $row            {name: value}      $rows           [{name: value}, …]
 * $values         [value, …]         $columns        {name: [value, …]}
 * $features.NAME  value              $features.NAME  [value, …]
 *                                    {$each: …}      […], a template of one row for each
 * ```
 * `$$` at the beginning of a text is a dollar sign.
 *
 * @throws MW_CONFIG_INVALID for a word that is not known there; MW_MODEL_MISMATCH for a feature that is not known, or is neither sent nor named in `not_sent`.
 */
export function compileRequest(parsed: ParsedConfig<JsonUpstream>, schema: ModelSchema): Fill {
  const { value, error } = parsed
  const sent = new Set<string>()
  const features = schema.features
    .map((feature, index) => ({ name: feature.name, index, cell: createCell(feature) }))
    .filter(({ name }) => !value.not_sent.includes(name))
  for (const [i, name] of value.not_sent.entries()) {
    if (!schema.features.some((feature) => feature.name === name))
      throw mismatch(parsed, ['not_sent', i], `${name} is no feature of model.yaml`)
  }

  const compile = (node: unknown, path: Path, scope: 'row' | 'rows'): Fill => {
    if (typeof node === 'string') return compileText(node, path, scope)
    if (Array.isArray(node)) {
      const items = node.map((item, i) => compile(item, [...path, i], scope))
      return (...rows) => items.map((fill) => fill(...rows))
    }
    if (typeof node !== 'object' || node === null) return () => node
    if ('$each' in node) {
      if (scope === 'row') throw error([...path, '$each'], 'stands for all rows, where one row is meant')
      if (Object.keys(node).length > 1) throw error(path, '$each stands alone')
      return each(compile(node.$each, [...path, '$each'], 'row'))
    }
    const entries = Object.entries(node).map(([key, child]) => [key, compile(child, [...path, key], scope)] as const)
    return (...rows) => Object.fromEntries(entries.map(([key, fill]) => [key, fill(...rows)]))
  }

  const compileText = (text: string, path: Path, scope: 'row' | 'rows'): Fill => {
    if (text.startsWith('$$')) return () => text.slice(1)
    if (!text.startsWith('$')) return () => text
    const name = /^\$features\.(.+)$/.exec(text)?.[1]
    if (name !== undefined) {
      const found = features.find((feature) => feature.name === name)
      if (found === undefined)
        throw mismatch(parsed, path, `${name} is no feature of model.yaml that is sent; those are ${listOf(features)}`)
      sent.add(name)
      return scope === 'row' ? one(found) : each(one(found))
    }
    const known = words[scope]
    if (!(text in known)) {
      const other = text in words[scope === 'row' ? 'rows' : 'row'] ? `means ${scope === 'row' ? 'all rows' : 'one row'}` : 'is not known'
      throw error(path, `${text} ${other}; here stand ${Object.keys(known).join(', ')} and $features.NAME`)
    }
    for (const feature of features) sent.add(feature.name)
    return known[text]!(features)
  }

  const fill = compile(value.request, ['request'], value.batch ? 'rows' : 'row')
  const forgotten = features.filter(({ name }) => !sent.has(name))
  if (forgotten.length > 0) {
    throw mismatch(parsed, ['request'], `does not send ${listOf(forgotten)}; name in not_sent what the server does not take`)
  }
  return fill
}

interface Sent {
  readonly name: string
  readonly index: number
  readonly cell: Cell
}

const listOf = (features: readonly Sent[]) => features.map(({ name }) => name).join(', ')

const one =
  ({ index, cell }: Sent): Fill =>
  ({ values }, from) =>
    cell(values[index]!, from)

const each =
  (fill: Fill): Fill =>
  (columns, from, to) =>
    Array.from({ length: to - from }, (_, i) => fill(columns, from + i, from + i + 1))

const row =
  (features: readonly Sent[]): Fill =>
  ({ values }, from) => {
    const object: Record<string, unknown> = {}
    for (const { name, index, cell } of features) object[name] = cell(values[index]!, from)
    return object
  }

const words: Readonly<Record<'row' | 'rows', Readonly<Record<string, (features: readonly Sent[]) => Fill>>>> = {
  row: {
    $row: row,
    $values: (features) => (columns, from) => features.map(({ index, cell }) => cell(columns.values[index]!, from)),
  },
  rows: {
    $rows: (features) => each(row(features)),
    $columns: (features) => {
      const columns = features.map((feature) => [feature.name, each(one(feature))] as const)
      return (...rows) => Object.fromEntries(columns.map(([name, fill]) => [name, fill(...rows)]))
    },
  },
}
