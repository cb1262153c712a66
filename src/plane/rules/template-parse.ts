import { ruleErrors } from './errors.ts'

/** What may stand as an argument: a text, a number (a bigint where Go would see an integer), a path into the data, or a call in parentheses. */
export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | bigint }
  | { readonly kind: 'path'; readonly root: DataRoot; readonly key: string | undefined }
  | { readonly kind: 'pipeline'; readonly commands: readonly Command[] }

export type DataRoot = 'labels' | 'externalLabels' | 'value'

export interface Command {
  /** Undefined when the command is a plain value. */
  readonly call: string | undefined
  readonly operands: readonly Operand[]
}

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly commands: readonly Command[] }

/** How each way to write a root of the data is read. */
const roots: Readonly<Record<string, DataRoot>> = {
  $labels: 'labels',
  '.Labels': 'labels',
  $externalLabels: 'externalLabels',
  '.ExternalLabels': 'externalLabels',
  $value: 'value',
  '.Value': 'value',
}

const keywords = new Set(['if', 'else', 'end', 'range', 'with', 'define', 'template', 'block', 'break', 'continue', 'and', 'or', 'not'])
const token =
  /\s*(?:(?<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?<path>[$.][\w.]*)|(?<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<mark>[|()]))/y

/**
 * Reads the part of Go's template language that alert rules mostly use: text, paths into `$labels`, `$externalLabels` and `$value`
 * (or `.Labels` and so on), literals, calls, pipes and parentheses. Anything else is an error that names it.
 *
 * @param functions - Names that may be called.
 * @throws MW_RULE_TEMPLATE
 */
export function parseTemplate(source: string, functions: ReadonlySet<string>): TemplateNode[] {
  const nodes: TemplateNode[] = []
  let at = 0
  let trim = false
  const pushText = (raw: string) => {
    const text = trim ? raw.trimStart() : raw
    if (text !== '') nodes.push({ kind: 'text', text })
  }
  for (;;) {
    const open = source.indexOf('{{', at)
    if (open < 0) break
    const close = actionEnd(source, open + 2)
    let body = source.slice(open + 2, close)
    const before = source.slice(at, open)
    // `{{- ` and ` -}}` take the blanks beside them away.
    const trimsLeft = /^-\s/.test(body)
    pushText(trimsLeft ? before.trimEnd() : before)
    trim = /\s-$/.test(body)
    body = body.slice(trimsLeft ? 1 : 0, trim ? -1 : undefined)
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(body)) nodes.push({ kind: 'action', commands: new ActionParser(body, functions).parse() })
    at = close + 2
  }
  pushText(source.slice(at))
  return nodes
}

/** The `}}` that ends an action; those inside texts do not. */
function actionEnd(source: string, from: number): number {
  const part = /"(?:\\.|[^"\\\n])*"|`[^`]*`|\}\}/g
  part.lastIndex = from
  for (let match = part.exec(source); match !== null; match = part.exec(source)) if (match[0] === '}}') return match.index
  throw ruleErrors.MW_RULE_TEMPLATE(`{{ without }} in ${JSON.stringify(source)}`)
}

class ActionParser {
  readonly #source: string
  readonly #functions: ReadonlySet<string>
  #at = 0

  constructor(source: string, functions: ReadonlySet<string>) {
    this.#source = source
    this.#functions = functions
  }

  parse(): Command[] {
    const commands = this.#pipeline()
    if (this.#rest() !== '') throw this.#unsupported(this.#rest())
    return commands
  }

  #pipeline(): Command[] {
    const commands = [this.#command()]
    while (this.#peek('mark') === '|') {
      this.#take()
      const next = this.#command()
      if (next.call === undefined) throw ruleErrors.MW_RULE_TEMPLATE(`a function must follow | in {{${this.#source}}}`)
      commands.push(next)
    }
    return commands
  }

  #command(): Command {
    const name = this.#peek('name')
    if (name !== undefined) {
      if (keywords.has(name) || !this.#functions.has(name)) throw this.#unsupported(name)
      this.#take()
    }
    const operands: Operand[] = []
    for (let operand = this.#operand(); operand !== undefined; operand = this.#operand()) operands.push(operand)
    if (name === undefined && operands.length !== 1) {
      throw operands.length === 0
        ? ruleErrors.MW_RULE_TEMPLATE(`a value is missing in {{${this.#source}}}`)
        : ruleErrors.MW_RULE_TEMPLATE(`{{${this.#source}}} gives arguments to what is not a function`)
    }
    return { call: name, operands }
  }

  #operand(): Operand | undefined {
    const { text, path, number, name, mark } = this.#groups() ?? {}
    if (text !== undefined) return this.#literal(text.startsWith('`') ? text.slice(1, -1) : unquote(text, this.#source))
    if (number !== undefined) return this.#literal(/^[+-]?\d+$/.test(number) ? BigInt(number.replace('+', '')) : Number(number))
    if (path !== undefined) return this.#path(path)
    if (name === 'true' || name === 'false' || name === 'nil') throw this.#unsupported(name)
    // A function without arguments may be an argument itself; none of ours takes none.
    if (name !== undefined) throw this.#unsupported(name)
    if (mark !== '(') return undefined
    this.#take()
    const commands = this.#pipeline()
    if (this.#peek('mark') !== ')') throw ruleErrors.MW_RULE_TEMPLATE(`( without ) in {{${this.#source}}}`)
    this.#take()
    return { kind: 'pipeline', commands }
  }

  #literal(value: string | number | bigint): Operand {
    this.#take()
    return { kind: 'literal', value }
  }

  #path(path: string): Operand {
    for (const [prefix, root] of Object.entries(roots)) {
      if (path === prefix) {
        this.#take()
        return { kind: 'path', root, key: undefined }
      }
      const key = path.slice(prefix.length + 1)
      if (root === 'value' || !path.startsWith(`${prefix}.`) || !/^\w+$/.test(key)) continue
      this.#take()
      return { kind: 'path', root, key }
    }
    throw this.#unsupported(path)
  }

  #groups(): Record<string, string | undefined> | undefined {
    token.lastIndex = this.#at
    return token.exec(this.#source)?.groups
  }

  #peek(kind: 'name' | 'mark'): string | undefined {
    return this.#groups()?.[kind]
  }

  #take(): void {
    token.lastIndex = this.#at
    token.exec(this.#source)
    this.#at = token.lastIndex
  }

  #rest(): string {
    return this.#source.slice(this.#at).trim()
  }

  #unsupported(what: string) {
    return ruleErrors.MW_RULE_TEMPLATE(`"${what}" in {{${this.#source}}} is not supported by this version`, {
      hint: 'Templates know text, $labels, $externalLabels, $value, and calls and pipes of humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp, printf, title, toUpper and toLower.',
    })
  }
}

/** Go's escapes in a quoted text are JSON's, but for a few that JSON lacks. */
function unquote(text: string, source: string): string {
  try {
    const json = text.replace(/\\([abfnrtv'"\\]|x[0-9a-fA-F]{2})/g, (all, c: string) => {
      if (c === 'a') return '\\u0007'
      if (c === 'v') return '\\u000b'
      return c.startsWith('x') ? `\\u00${c.slice(1)}` : all
    })
    return JSON.parse(json.replaceAll('\t', '\\t')) as string
  } catch (cause) {
    throw ruleErrors.MW_RULE_TEMPLATE(`${text} in {{${source}}} is not a text in quotes`, { cause })
  }
}
