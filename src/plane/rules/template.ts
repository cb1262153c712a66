import { messageOf } from '../../core/errors.ts'
import { ruleErrors } from './errors.ts'
import { type TemplateFunction, type TemplateValue, templateFunctions, toText } from './template-functions.ts'
import { type Command, type Operand, parseTemplate } from './template-parse.ts'

/** What a template can show. */
export interface TemplateData {
  readonly labels: Readonly<Record<string, string>>
  readonly externalLabels: Readonly<Record<string, string>>
  readonly value: number
}

/** Never throws: what cannot be shown is shown as `<error expanding template: …>`, for an alert must go out all the same. */
export type Template = (data: TemplateData) => string

const names = new Set(Object.keys(templateFunctions))

/**
 * Compiles the template of a label or an annotation.
 * @throws MW_RULE_TEMPLATE when it does not parse or asks for what this version does not know.
 */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source, names)
  return (data) => {
    try {
      return nodes.map((node) => (node.kind === 'text' ? node.text : toText(evaluate(node.commands, data)))).join('')
    } catch (error) {
      return `<error expanding template: ${messageOf(error)}>`
    }
  }
}

/** Each command gets the result of the one before as its last argument. */
function evaluate(commands: readonly Command[], data: TemplateData): TemplateValue {
  let result: TemplateValue | undefined
  for (const { call, operands } of commands) {
    const args = operands.map((operand) => resolve(operand, data))
    if (result !== undefined) args.push(result)
    result = call === undefined ? args[0] : functionOf(call)(...args)
  }
  if (result === undefined) throw ruleErrors.MW_RULE_TEMPLATE('an action without a value')
  return result
}

function resolve(operand: Operand, data: TemplateData): TemplateValue {
  if (operand.kind === 'literal') return operand.value
  if (operand.kind === 'pipeline') return evaluate(operand.commands, data)
  if (operand.root === 'value') return data.value
  const labels = data[operand.root]
  // A label that is not there is empty.
  return operand.key === undefined ? labels : Object.hasOwn(labels, operand.key) ? labels[operand.key]! : ''
}

function functionOf(name: string): TemplateFunction {
  const found = templateFunctions[name]
  if (found === undefined) throw ruleErrors.MW_RULE_TEMPLATE(`there is no function ${name}`)
  return found
}
