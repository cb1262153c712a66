import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { fromLabels } from '../../core/labels.ts'
import { formatExponent } from '../../core/number-text.ts'
import type { ActiveAlert, RuleStatus } from '../../plane/rules/contract.ts'
import type { ApiDeps } from './contract.ts'
import { booleanParam, invalid, matchParam, paramsOf, parseInteger } from './params.ts'
import { success, timestamp } from './reply.ts'

/** `/api/v1/rules` and `/api/v1/alerts`. */
export function ruleRoutes(app: FastifyInstance, { rules, parseSelector, matches }: ApiDeps): void {
  app.get('/api/v1/rules', async (request) => {
    const params = paramsOf(request)
    const page = pageParam(params)
    const kind = kindParam(params)
    const withAlerts = !booleanParam(params, 'exclude_alerts', 'error converting exclude_alerts')
    const names = new Set(params.getAll('rule_name[]'))
    const groupNames = new Set(params.getAll('rule_group[]'))
    const files = new Set(params.getAll('file[]'))
    const sets = await matchParam(params, parseSelector, false)
    const wanted = (rule: RuleStatus) =>
      (kind === undefined || rule.kind === kind) &&
      (names.size === 0 || names.has(rule.name)) &&
      (sets.length === 0 ||
        sets.some((set) =>
          set.every((matcher) => matches(matcher, Object.hasOwn(rule.labels, matcher.name) ? rule.labels[matcher.name]! : '')),
        ))
    const filtered = kind !== undefined || names.size > 0 || sets.length > 0
    const all = rules
      .groups()
      .toSorted((a, b) => compareText(a.file, b.file) || compareText(a.name, b.name))
      .filter((group) => (groupNames.size === 0 || groupNames.has(group.name)) && (files.size === 0 || files.has(group.file)))
      .map((group) => ({
        name: group.name,
        file: group.file,
        rules: group.rules.filter(wanted).map((rule) => toRule(rule, withAlerts)),
        interval: group.intervalMs / 1000,
        limit: Number.isFinite(group.seriesMax) ? group.seriesMax : 0,
        evaluationTime: group.evaluationDurationMs / 1000,
        lastEvaluation: timestamp(group.lastEvaluationMs),
      }))
      // A filter that leaves nothing of a group leaves the group away.
      .filter((group) => !filtered || group.rules.length > 0)
    return success(paged(all, page))
  })
  app.get('/api/v1/alerts', async () => success({ alerts: rules.alerts().map(toAlert) }))
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

interface PageRequest {
  readonly groupsMax: number
  /** Where the page begins; '' is the beginning. */
  readonly token: string
}

function pageParam(params: URLSearchParams): PageRequest {
  const [text, token] = [params.get('group_limit') ?? '', params.get('group_next_token') ?? '']
  if (text === '') {
    if (token !== '') throw invalid('group_next_token', 'group_limit needs to be present in order to paginate over the groups')
    return { groupsMax: Number.POSITIVE_INFINITY, token }
  }
  const groupsMax = parseInteger(text)
  if (typeof groupsMax === 'string')
    throw invalid('group_limit', `group_limit needs to be a valid number: ${groupsMax.replace('Atoi', 'ParseInt')}`)
  if (groupsMax <= 0) throw invalid('group_limit', 'group_limit needs to be greater than 0')
  return { groupsMax, token }
}

/** A page of groups, and where the next begins. A token names its first group, so that pages stay right while groups come and go behind it. */
function paged<Group extends { readonly file: string; readonly name: string }>(
  groups: readonly Group[],
  { groupsMax, token }: PageRequest,
) {
  const from = token === '' ? 0 : groups.findIndex((group) => tokenOf(group) === token)
  if (from < 0) throw invalid('group_next_token', `invalid group_next_token '${token}'. were rule groups changed?`)
  const next = groups[from + groupsMax]
  return { groups: groups.slice(from, from + groupsMax), ...(next !== undefined && { groupNextToken: tokenOf(next) }) }
}

function tokenOf({ file, name }: { readonly file: string; readonly name: string }): string {
  return createHash('sha1').update(`${file};${name}`).digest('hex')
}

function kindParam(params: URLSearchParams): RuleStatus['kind'] | undefined {
  const type = (params.get('type') ?? '').toLowerCase()
  if (type === '') return undefined
  if (type === 'alert') return 'alerting'
  if (type === 'record') return 'recording'
  throw invalid('type', `not supported value "${type}"`)
}

function toRule(rule: RuleStatus, withAlerts: boolean) {
  const base = {
    name: rule.name,
    query: rule.query,
    labels: rule.labels,
    health: rule.health,
    ...(rule.lastError !== '' && { lastError: rule.lastError }),
    evaluationTime: rule.evaluationDurationMs / 1000,
    lastEvaluation: timestamp(rule.lastEvaluationMs),
    type: rule.kind,
  }
  if (rule.kind === 'recording') return base
  return {
    state: rule.state,
    ...base,
    duration: rule.forMs / 1000,
    keepFiringFor: rule.keepFiringForMs / 1000,
    annotations: rule.annotations,
    alerts: withAlerts ? rule.alerts.map(toAlert) : [],
  }
}

function toAlert(alert: ActiveAlert) {
  return {
    labels: fromLabels(alert.labels),
    annotations: alert.annotations,
    state: alert.state,
    activeAt: timestamp(alert.activeAtMs),
    ...(alert.keptFiringSinceMs !== undefined && { keepFiringSince: timestamp(alert.keptFiringSinceMs) }),
    // Prometheus writes the value of an alert, alone of all values, in the exponent form.
    value: formatExponent(alert.value),
  }
}
