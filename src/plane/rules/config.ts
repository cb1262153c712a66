import { type Static, Type } from 'typebox'
import { Duration, type ParsedConfig } from '../../core/config.ts'
import { messageOf } from '../../core/errors.ts'
import { parseForeignConfig } from '../../core/foreign-config.ts'
import { parseDurationMs } from '../../core/time.ts'
import type { QueryEngine } from '../promql/contract.ts'
import { compileTemplate } from './template.ts'

const Texts = (description: string) => Type.Record(Type.String(), Type.String({ title: 'a text' }), { default: {}, description })

const RuleBlock = Type.Object(
  {
    record: Type.Optional(Type.String({ description: 'Name of the series a recording rule writes.' })),
    alert: Type.Optional(Type.String({ description: 'Name of the alert an alerting rule raises.' })),
    expr: Type.String({ title: 'a PromQL expression', minLength: 1 }),
    for: Type.Optional(Duration({ description: 'How long the expression must hold before a pending alert fires.' })),
    keep_firing_for: Type.Optional(Duration({ description: 'How long an alert goes on firing after the expression ceased to hold.' })),
    labels: Texts('Labels of the series or alert; templates in those of an alert.'),
    annotations: Texts('Texts of an alert for people; templates.'),
  },
  { additionalProperties: false },
)

const GroupBlock = Type.Object(
  {
    name: Type.String({ minLength: 1, title: 'the name of the group' }),
    interval: Type.Optional(Duration({ description: 'Time between two evaluations; evaluation_interval by default.' })),
    limit: Type.Integer({ default: 0, minimum: 0, description: 'Series one rule may give; more, and the rule fails. 0: no limit.' }),
    labels: Texts("Labels of every rule of the group; the rule's own win."),
    rules: Type.Array(RuleBlock, { default: [] }),
  },
  { additionalProperties: false },
)

const RuleFile = Type.Object({ groups: Type.Array(GroupBlock, { default: [] }) }, { additionalProperties: false })

export interface RecordingRule {
  readonly kind: 'recording'
  readonly name: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
}

export interface AlertingRule {
  readonly kind: 'alerting'
  readonly name: string
  readonly expr: string
  readonly forMs: number
  readonly keepFiringForMs: number
  /** Templates. */
  readonly labels: Readonly<Record<string, string>>
  /** Templates. */
  readonly annotations: Readonly<Record<string, string>>
}

export type Rule = RecordingRule | AlertingRule

/** A group of rules as a file gives it, checked. */
export interface RuleGroup {
  readonly name: string
  readonly file: string
  readonly intervalMs: number
  /** Series a rule may give; `Infinity`: any number. */
  readonly seriesMax: number
  readonly rules: readonly Rule[]
}

type PlaceError = ParsedConfig<unknown>['error']

/**
 * Reads a Prometheus rule file: every expression and template in it is checked here, so that a rule that loads can run.
 * @param options.intervalMs - Of groups that say nothing.
 * @throws MW_CONFIG_INVALID at the first fault, with file, line, column and key.
 */
export function parseRuleFile(
  text: string,
  options: { file: string; intervalMs: number },
  deps: { engine: Pick<QueryEngine, 'check'> },
): RuleGroup[] {
  const { value, error } = parseForeignConfig(RuleFile, text, {
    file: options.file,
    unsupported: ['groups.*.query_offset'],
    texts: [
      'groups.*.name',
      'groups.*.interval',
      'groups.*.labels.*',
      'groups.*.rules.*.for',
      'groups.*.rules.*.keep_firing_for',
      'groups.*.rules.*.record',
      'groups.*.rules.*.alert',
      // A bare number is an expression too.
      'groups.*.rules.*.expr',
      'groups.*.rules.*.labels.*',
      'groups.*.rules.*.annotations.*',
    ],
  })
  const names = new Set<string>()
  return value.groups.map((group, g) => {
    if (names.has(group.name)) throw error(['groups', g, 'name'], `"${group.name}" names another group of this file already`)
    names.add(group.name)
    checkLabels(group.labels, ['groups', g, 'labels'], error)
    const intervalMs = parseDurationMs(group.interval ?? '0') || options.intervalMs
    const rules = group.rules.map((block, r) =>
      toRule(block, group.labels, (path, reason, cause) => error(['groups', g, 'rules', r, ...path], reason, cause), deps.engine),
    )
    return { name: group.name, file: options.file, intervalMs, seriesMax: group.limit || Number.POSITIVE_INFINITY, rules }
  })
}

function toRule(
  block: Static<typeof RuleBlock>,
  groupLabels: Readonly<Record<string, string>>,
  error: PlaceError,
  engine: Pick<QueryEngine, 'check'>,
): Rule {
  const name = block.record ?? block.alert ?? ''
  if (block.record !== undefined && block.alert !== undefined) throw error(['alert'], 'a rule has either record or alert, not both')
  if (name === '') throw error([], 'a rule needs record or alert')
  checkExpression(block.expr, error, engine)
  checkLabels(block.labels, ['labels'], error)
  const labels = { ...groupLabels, ...block.labels }
  if (block.record !== undefined) {
    if (/[{}]/.test(name)) throw error(['record'], `"${name}" holds braces; do they belong into expr?`)
    for (const key of ['for', 'keep_firing_for'] as const) {
      if (block[key] !== undefined && parseDurationMs(block[key]) !== 0)
        throw error([key], 'belongs to alerting rules, not to a recording rule')
    }
    if (Object.keys(block.annotations).length > 0) throw error(['annotations'], 'belong to alerting rules, not to a recording rule')
    return { kind: 'recording', name, expr: block.expr.trim(), labels }
  }
  for (const key of ['labels', 'annotations'] as const) {
    for (const [label, text] of Object.entries(block[key])) checkTemplate(text, [key, label], error)
  }
  const forMs = parseDurationMs(block.for ?? '0') ?? 0
  const keepFiringForMs = parseDurationMs(block.keep_firing_for ?? '0') ?? 0
  return { kind: 'alerting', name, expr: block.expr.trim(), forMs, keepFiringForMs, labels, annotations: block.annotations }
}

function checkExpression(expr: string, error: PlaceError, engine: Pick<QueryEngine, 'check'>): void {
  let type: ReturnType<QueryEngine['check']>
  try {
    type = engine.check(expr)
  } catch (cause) {
    throw error(['expr'], messageOf(cause), { cause })
  }
  if (type !== 'vector' && type !== 'scalar') throw error(['expr'], `gives a ${type}, where a rule needs a vector or a scalar`)
}

function checkTemplate(text: string, path: readonly string[], error: PlaceError): void {
  try {
    compileTemplate(text)
  } catch (cause) {
    throw error(path, messageOf(cause), { cause })
  }
}

/** Any non-empty text names a label, but the metric's name is not a label to set. */
function checkLabels(labels: Readonly<Record<string, string>>, path: readonly (string | number)[], error: PlaceError): void {
  for (const name of Object.keys(labels))
    if (name === '' || name === '__name__' || name.includes('\uFFFD'))
      throw error([...path, name], `"${name}" is not a valid label name here`)
}
