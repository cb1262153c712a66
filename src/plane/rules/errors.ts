import { defineErrors } from '../../core/errors.ts'

export const ruleErrors = defineErrors({
  MW_RULE_TEMPLATE: { kind: 'invalid', retryable: false, hint: 'Correct the template between {{ and }}.' },
  MW_RULE_RESULT: { kind: 'invalid', retryable: false, hint: "Correct the rule's expression, labels or limit." },
})
