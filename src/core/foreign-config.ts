import type { Static, TSchema } from 'typebox'
import { type Document, isScalar } from 'yaml'
import { type ConfigSource, type ParsedConfig, parseConfig } from './config.ts'

/**
 * Reads a YAML file whose format is another program's (`prometheus.yml`, rule files): as strictly as `parseConfig`, and
 * - a key with nothing behind it counts as absent, as in Go programs;
 * - a key the format has and this version does not support is refused by that reason, not as unknown;
 * - scalars at `texts` paths, such as the values of labels, are the text as it stands: `1.10` and `true` need no quotes.
 *
 * @param options.unsupported - Paths such as `scrape_configs.*.relabel_configs`; `*` is any item or any part of a key.
 * @param options.texts - Paths of the same form.
 * @throws MW_CONFIG_INVALID at the first fault.
 */
export function parseForeignConfig<S extends TSchema>(
  schema: S,
  text: string,
  options: { file: string; unsupported: readonly string[]; texts: readonly string[] },
): ParsedConfig<Static<S>> {
  const unsupported = options.unsupported.map(toPattern)
  const texts = options.texts.map(toPattern)
  const prepare: ConfigSource['prepare'] = (raw, error, document) => {
    const clean = (value: unknown, path: readonly (string | number)[]): unknown => {
      const name = path.join(SEPARATOR)
      if (unsupported.some((pattern) => pattern.test(name))) throw error(path, 'is not supported by this version')
      if (Array.isArray(value)) return value.map((item, i) => clean(item, [...path, i]))
      if (typeof value === 'object' && value !== null) {
        const entries = Object.entries(value).filter(([, child]) => child !== null)
        return Object.fromEntries(entries.map(([key, child]) => [key, clean(child, [...path, key])]))
      }
      return texts.some((pattern) => pattern.test(name)) ? sourceText(document, path, value) : value
    }
    return clean(raw, [])
  }
  return parseConfig(schema, text, { file: options.file, prepare })
}

/** Not a point: a key may contain one. */
const SEPARATOR = '\n'

function toPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', SEPARATOR).replaceAll('*', '.*')}$`)
}

function sourceText(document: Document, path: readonly (string | number)[], value: unknown): unknown {
  if (typeof value === 'string') return value
  const node = document.getIn(path, true)
  return isScalar(node) && typeof node.source === 'string' ? node.source : value
}
