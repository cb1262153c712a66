import { ModelwatchError } from '../../../core/errors.ts'
import { type Labels, labelValue, METRIC_NAME } from '../../../core/labels.ts'
import { compileMatcher, compileRegExp, type Matcher } from '../../store/index.ts'
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
  // In a group, as Prometheus has it, so that the same patterns are refused: an open `\Q` would quote the end of the group.
  const expression = translated(pattern, () => compileRegExp(`(?s:${pattern})`, { stepsMax: STEPS_MAX }))
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

/**
 * Go's template: `$1`, `${1}`, `$name`, `$$`. A name is as long as it can be, and one that does not exist is empty. Of several groups with
 * one name the first counts that caught something.
 */
function expand(template: string, groups: readonly string[], names: readonly string[]): string {
  const variable = /\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu
  const text = template.replace(variable, (whole, bare: string | undefined, braced: string | undefined) => {
    const name = bare ?? braced
    if (name === undefined) return whole === '$$' ? '$' : whole
    if (/^(?:0|[1-9]\d*)$/.test(name)) return groups[Number(name)] ?? ''
    return groups.find((group, i) => i > 0 && group !== '' && names[i] === name) ?? ''
  })
  return text.toWellFormed()
}

/** @returns What `label_join` makes of a series' labels. @throws MW_PROMQL_EXECUTION for a bad label name. */
export function labelJoiner(target: string, separator: string, sources: readonly string[]): (labels: Labels) => Labels {
  for (const source of sources) checkLabelName(source, 'invalid source label name in label_join()')
  checkLabelName(target, 'invalid destination label name in label_join()')
  return (labels) =>
    withLabel(
      labels,
      target,
      sources
        .map((source) => labelValue(labels, source))
        .join(separator)
        .toWellFormed(),
    )
}

/**
 * The labels `absent` can tell from the question: those asked for by exactly one `=`. What was refused before that `=` does not count, except
 * with matchers that let series without the label through: Prometheus's storage has put these last by then.
 */
export function absentLabels(matchers: readonly Matcher[]): Labels {
  let labels: Labels = []
  const seen = new Set<string>()
  const isLate = (matcher: Matcher) => matcher.op.startsWith('!') && compileMatcher(matcher).matchesEmpty
  const inOrder = [...matchers.filter((matcher) => !isLate(matcher)), ...matchers.filter(isLate)]
  for (const { name, op, value } of inOrder) {
    if (name === METRIC_NAME) continue
    if (op === '=' && !seen.has(name)) {
      labels = withLabel(labels, name, value)
      seen.add(name)
    } else labels = withLabel(labels, name, '')
  }
  return labels
}
