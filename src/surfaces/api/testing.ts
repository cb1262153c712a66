import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv, type AnySchema } from 'ajv'
import { parse } from 'yaml'

/**
 * Checks answers against the OpenAPI description of the Prometheus API.
 * @returns undefined where the description is not at hand; else a function from schema name and answer to what is wrong, '' being nothing.
 */
export function createAnswerCheck(): ((schema: string, answer: unknown) => string) | undefined {
  const file = fileURLToPath(new URL('../../../../shared/conformance/openapi/prometheus-api-v1.yaml', import.meta.url))
  if (!existsSync(file)) return undefined
  const { components } = parse(readFileSync(file, 'utf8')) as { components: AnySchema }
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  ajv.addSchema({ $id: 'api', components } as AnySchema)
  return (schema, answer) => {
    const validate = ajv.getSchema(`api#/components/schemas/${schema}`)
    if (validate === undefined) throw new Error(`there is no schema ${schema}`)
    return validate(answer) ? '' : ajv.errorsText(validate.errors)
  }
}
