import { readFileSync } from 'node:fs'
import { findPackageJSON, registerHooks, stripTypeScriptTypes } from 'node:module'
import { basename, dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { messageOf } from '../../../../core/errors.ts'
import { runtimeErrors } from '../errors.ts'
import type { Predictor } from './predictor.ts'

/**
 * Imports a predictor, once in each thread. TypeScript is stripped of its types, as Node does; here also below node_modules, where Node does not.
 * @throws MW_MODEL_UNREADABLE naming the place: broken syntax, a module that is missing, an error at the top level, no default export, no predict.
 */
export async function importPredictor(modelPath: string): Promise<Predictor> {
  let lastUrl = pathToFileURL(modelPath).href
  registerHooks({
    load(url, context, nextLoad) {
      if (url.startsWith('file:')) lastUrl = url // Modules are compiled as they are loaded: broken syntax is that of the last one.
      return isTypescript(url) && url.includes('/node_modules/') ? loadStripped(url) : nextLoad(url, context)
    },
  })
  let module: { readonly default?: unknown }
  try {
    module = (await import(/* @vite-ignore */ lastUrl)) as { readonly default?: unknown }
  } catch (error) {
    throw toUnreadable(modelPath, error, lastUrl)
  }
  const predictor = module.default
  const shape = `${modelPath} must have a default export with a function predict`
  if (predictor === undefined) {
    const names = Object.keys(module).join(', ') || 'nothing'
    throw runtimeErrors.MW_MODEL_UNREADABLE(`${shape}; it exports ${names}`, { hint: EXPORT_HINT })
  }
  if (!isPredictor(predictor)) throw runtimeErrors.MW_MODEL_UNREADABLE(`${shape}; its default export has none`, { hint: EXPORT_HINT })
  for (const name of ['load', 'unload'] as const) {
    if (predictor[name] !== undefined && typeof predictor[name] !== 'function') {
      throw runtimeErrors.MW_MODEL_UNREADABLE(`${modelPath}: ${name} of its default export is no function`, { hint: EXPORT_HINT })
    }
  }
  return predictor
}

const EXPORT_HINT = 'Write: export default { predict(batch) { … } }, with load and unload where they are needed.'

const isPredictor = (value: unknown): value is Predictor =>
  typeof value === 'object' && value !== null && typeof (value as { predict?: unknown }).predict === 'function'

const isTypescript = (url: string) => /\.[mc]?ts$/.test(url)

function loadStripped(url: string) {
  const path = fileURLToPath(url)
  const source = quietly(() => stripTypeScriptTypes(readFileSync(path, 'utf8'), { sourceUrl: path }))
  return { format: isCommonjs(url) ? 'commonjs' : 'module', source, shortCircuit: true } as const
}

/** Only where its name or its package says so: a predictor is a module, for its default export is read. */
function isCommonjs(url: string): boolean {
  if (!url.endsWith('.ts')) return url.endsWith('.cts')
  const packageFile = findPackageJSON(url)
  if (packageFile === undefined || basename(packageFile) !== 'package.json') return false // Where there is none, Node gives the file itself.
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { type?: string }).type === 'commonjs'
}

/** Without Node's line that stripping types by this function is new; by import it is not. */
function quietly<T>(run: () => T): T {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return run()
  } finally {
    process.emitWarning = emitWarning
  }
}

/** An error of an import, with the place and what to do about it. */
export function toUnreadable(modelPath: string, error: unknown, lastUrl?: string) {
  const { code } = error as NodeJS.ErrnoException
  const missing = /^Cannot find (?:package|module) '([^'./][^']*)'/.exec(messageOf(error))?.[1]
  const syntax = error instanceof SyntaxError
  const place = syntax ? placeOfSyntax(error, lastUrl) : placeOf(error)
  const name = error instanceof Error && error.name !== 'Error' ? `${error.name}: ` : ''
  const message = `${modelPath} cannot be loaded: ${name}${messageOf(error).split('\n')[0]}${place === undefined ? '' : `, at ${place}`}`
  let hint = 'Make the module run: the message is its own error.'
  if (syntax) hint = 'Correct the syntax there. Types are taken out and nothing else: no enum, no namespace, no parameter properties.'
  if (missing !== undefined && (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND')) {
    hint = `Install it where the module finds it: npm install ${missing} in ${dirname(modelPath)} or a folder above.`
  }
  return runtimeErrors.MW_MODEL_UNREADABLE(message, { cause: error, hint })
}

/** `file:line:column` of the first frame that is in a file rather than in Node. */
export function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack : undefined
  const frame = stack === undefined ? undefined : /^\s+at .*?(file:\/\/[^\s)]+?):(\d+):(\d+)\)?$/m.exec(stack)
  return frame === null || frame === undefined ? undefined : `${fileURLToPath(frame[1]!)}:${frame[2]}:${frame[3]}`
}

/** `file:line`. V8 keeps to itself where a module's syntax is broken, so that another parser is asked. */
function placeOfSyntax(error: SyntaxError, lastUrl: string | undefined): string | undefined {
  const told = /^(?:file:\/\/)?(\/\S*|[A-Za-z]:\S*):(\d+)$/m.exec(error.stack ?? '')
  if (told !== null) return `${told[1]}:${told[2]}`
  if (lastUrl === undefined) return undefined
  const path = fileURLToPath(lastUrl)
  try {
    quietly(() => stripTypeScriptTypes(readFileSync(path, 'utf8'), { sourceUrl: path }))
  } catch (other) {
    const line = /^.*:(\d+)$/m.exec((other as Error).stack ?? '')?.[1]
    if (line !== undefined) return `${path}:${line}`
  }
  return path
}
