export { type AlertingRule, parseRuleFile, type RecordingRule, type Rule, type RuleGroup } from './config.ts'
export type {
  ActiveAlert,
  AlertingRuleStatus,
  AlertState,
  RecordingRuleStatus,
  RuleGroupStatus,
  RuleManager,
  RuleStats,
  RuleStatus,
} from './contract.ts'
export { ruleErrors } from './errors.ts'
export type { RuleFailure } from './group.ts'
export { createRuleManager, type RuleManagerDeps } from './manager.ts'
