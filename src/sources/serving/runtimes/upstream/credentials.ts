import { readFile, stat } from 'node:fs/promises'
import { messageOf } from '../../../../core/errors.ts'
import { runtimeErrors } from '../errors.ts'
import type { UpstreamConfig } from './config.ts'

/** How often files are looked at for a change. */
const LOOK_MS = 5000
/** The visible characters of a header field (RFC 9110 §5.5), blanks and tabs between them. */
const headerText = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Headers of every request: those of the configuration, and those whose values are secrets in files of their own. A file that has changed is read anew within
 * some seconds, for tokens are exchanged while a gateway runs; one that cannot be read any more leaves the last value in use.
 * @throws MW_MODEL_UNREADABLE when a file cannot be read at the start, or holds what no header can carry.
 */
export async function createHeaders(
  config: Pick<UpstreamConfig, 'headers' | 'header_files' | 'bearer_token_file'>,
  now: () => number = () => performance.now(),
): Promise<() => Promise<Readonly<Record<string, string>>>> {
  const files = Object.entries(config.header_files).map(([name, path]) => ({ name, path, prefix: '', changedMs: Number.NaN }))
  if (config.bearer_token_file !== undefined) {
    files.push({ name: 'authorization', path: config.bearer_token_file, prefix: 'Bearer ', changedMs: Number.NaN })
  }
  let headers: Readonly<Record<string, string>> = config.headers
  let lookedMs = now()

  const look = async () => {
    for (const file of files) {
      const { mtimeMs } = await stat(file.path)
      if (mtimeMs === file.changedMs) continue
      const text = (await readFile(file.path, 'utf8')).trim()
      if (!headerText.test(text)) throw new Error('it holds what no header can carry')
      headers = { ...headers, [file.name]: `${file.prefix}${text}` }
      file.changedMs = mtimeMs
    }
  }

  for (const [name, value] of Object.entries(config.headers)) {
    if (!headerText.test(value)) throw runtimeErrors.MW_MODEL_UNREADABLE(`headers.${name} of upstream.yaml holds what no header can carry`)
  }
  try {
    await look()
  } catch (error) {
    throw runtimeErrors.MW_MODEL_UNREADABLE(`a header cannot be read from its file: ${messageOf(error)}`, {
      cause: error,
      hint: 'Correct header_files and bearer_token_file of upstream.yaml; their paths are relative to it.',
    })
  }
  return async () => {
    if (files.length > 0 && now() - lookedMs >= LOOK_MS) {
      lookedMs = now()
      await look().catch(() => {}) // The last value may still do; if not, the server says so.
    }
    return headers
  }
}
