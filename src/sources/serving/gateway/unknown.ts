import type { ModelwatchError } from '../../../core/errors.ts'
import type { ModelHost } from '../models/contract.ts'
import { gatewayErrors } from './errors.ts'

/** Of a name or an address in an error: a stranger chose its length. */
const NAME_SHOWN_MAX = 64
const ADDRESS_SHOWN_MAX = 100

/** The refusal of a name that no model here has. */
export function unknownModel(name: string, { models }: Pick<ModelHost, 'models'>): ModelwatchError {
  const names = models.map(({ schema }) => schema.name)
  return gatewayErrors.MW_MODEL_UNKNOWN(`no model ${name.slice(0, NAME_SHOWN_MAX)} is served here; there is ${names.join(', ')}`)
}

/**
 * The refusal of an address that no route has: of a model that is not served here, if that is what is wrong with it.
 * @param prefix - What stands before the names of models, such as `/v1/models/`.
 */
export function unknownAddress(
  { method, url }: { method: string; url: string },
  prefix: string,
  host: Pick<ModelHost, 'models'>,
): ModelwatchError {
  const [path = ''] = url.split('?')
  const named = path.startsWith(prefix) ? path.slice(prefix.length).split('/')[0] : undefined
  if (named !== undefined && named !== '' && !host.models.some(({ schema }) => schema.name === named)) return unknownModel(named, host)
  return gatewayErrors.MW_ROUTE_UNKNOWN(`${method} ${path.slice(0, ADDRESS_SHOWN_MAX)} is not an address of this gateway`)
}
