import { ModelwatchError } from '../../../core/errors.ts'
import { type Labels, labelValue, METRIC_NAME } from '../../../core/labels.ts'
import { compileRegExp, type Matcher } from '../../store/index.ts'
import { promqlErrors } from '../errors.ts'
import { checkLabelName } from '../evaluation/aggregate.ts'
import { withLabel } from '../evaluation/frame.ts'

/** Most steps one expression may take over all series; the evaluator lets others work between two of them. */
const STEPS_MAX = 1_000_000_000

export interface LabelReplaceOptions {
  readonly target: string
  readonly replacement: string
  readonly source: string
  readonly pattern: string
}

/** @returns What `label_replace` makes of a series' labels. @throws MW_PROMQL_EXECUTION for a bad pattern or label name. */
export function labelReplacer({ target, replacement, source, pattern }: LabelReplaceOptions): (labels: Labels) => Labels {
  const expression = translated(pattern, () => compileRegExp(pattern, { stepsMax: STEPS_MAX }))
  checkLabelName(target, 'invalid destination label name in label_replace()')
  return (labels) => {
    const groups = translated(pattern, () => expression.match(labelValue(labels, source)))
    return groups === undefined ? labels : withLabel(labels, target, expand(replacement, groups, expression.groupNames))
  }
}

/** Runs what works on a regular expression; its errors become those of a query. */
function translated<T>(pattern: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof ModelwatchError)) throw error
    if (error.kind === 'overloaded') throw promqlErrors.MW_PROMQL_LIMIT(`label_replace(): ${error.message}`, { cause: error })
    if (error.kind === 'unsupported') throw promqlErrors.MW_PROMQL_UNSUPPORTED(`label_replace(): ${error.message}`, { cause: error })
    throw promqlErrors.MW_PROMQL_EXECUTION(`invalid regular expression in label_replace(): ${pattern}`, { cause: error })
  }
}

/** Go's template: `$1`, `${1}`, `$name`, `$$`. A name is as long as it can be, and one that does not exist is empty. */
function expand(template: string, groups: readonly string[], names: readonly string[]): string {
  return template.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, bare: string | undefined, braced: string | undefined) => {
    const name = bare ?? braced
    if (name === undefined) return whole === '$$' ? '$' : whole
    return groups[/^\d+$/.test(name) ? Number(name) : names.indexOf(name, 1)] ?? ''
  })
}

/** @returns What `label_join` makes of a series' labels. @throws MW_PROMQL_EXECUTION for a bad label name. */
export function labelJoiner(target: string, separator: string, sources: readonly string[]): (labels: Labels) => Labels {
  for (const source of sources) checkLabelName(source, 'invalid source label name in label_join()')
  checkLabelName(target, 'invalid destination label name in label_join()')
  return (labels) => withLabel(labels, target, sources.map((source) => labelValue(labels, source)).join(separator))
}

/** The labels `absent` can tell from the question: those asked for by exactly one `=`. */
export function absentLabels(matchers: readonly Matcher[]): Labels {
  let labels: Labels = []
  const seen = new Set<string>()
  for (const { name, op, value } of matchers) {
    if (name === METRIC_NAME) continue
    if (op === '=' && !seen.has(name)) {
      labels = withLabel(labels, name, value)
      seen.add(name)
    } else labels = withLabel(labels, name, '')
  }
  return labels
}
