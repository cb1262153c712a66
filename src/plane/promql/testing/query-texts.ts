/**
 * Test support: makes query texts at random, from a seed: heaps of tokens, expressions that are mostly valid, and such with letters changed.
 * The same seed gives the same texts.
 */
export class QueryTexts {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** One query: a third is a heap of tokens, a third is broken somewhere. */
  next(): string {
    const share = this.#random()
    if (share < 0.3) return this.#tokens()
    const query = this.#expression(1 + this.#below(4))
    return share < 0.65 ? this.#broken(query) : query
  }

  /** mulberry32: small, and good enough to tell texts apart. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #pick(from: readonly string[]): string {
    return from[this.#below(from.length)]!
  }

  #tokens(): string {
    let text = ''
    for (let i = this.#below(10); i >= 0; i--) text += this.#pick(allTokens) + this.#pick(blanks)
    return text
  }

  #broken(query: string): string {
    let text = query
    for (let i = this.#below(2); i >= 0; i--) {
      const at = this.#below(text.length + 1)
      if (this.#random() < 0.5) text = text.slice(0, at) + text.slice(at + 1 + this.#below(3))
      else text = text.slice(0, at) + this.#pick(allTokens) + text.slice(at)
    }
    return text
  }

  #expression(depth: number): string {
    if (depth <= 0) return this.#pick(atoms)
    const inner = () => this.#expression(depth - 1)
    switch (this.#below(9)) {
      case 0:
        return `${inner()} ${this.#pick(operators)} ${this.#pick(matchings)}${inner()}`
      case 1:
        return `${this.#pick(['sum', 'AVG', 'max', 'count', 'group', 'stddev'])}${this.#pick(groupings)}(${inner()})`
      case 2:
        return `${this.#pick(['topk', 'bottomk', 'quantile', 'limitk', 'limit_ratio'])}(${this.#pick(['1', '0.5', 'scalar(a)'])}, ${inner()})`
      case 3:
        return `${this.#pick(['rate', 'increase', 'avg_over_time', 'absent_over_time', 'mad_over_time'])}(${this.#range()})`
      case 4:
        return `${this.#pick(['abs', 'ceil', 'sgn', 'sort', 'timestamp', 'day_of_week'])}(${inner()})`
      case 5:
        return `(${inner()})`
      case 6:
        return `${this.#pick(['-', '+'])}${inner()}`
      case 7:
        return `max_over_time((${inner()})[${this.#pick(['5m:1m', '1h:', '10m*2:30s+1'])}]${this.#pick(['', ' offset 5m', ' @ start()'])})`
      default:
        return this.#pick(calls).replace('_', inner())
    }
  }

  #range(): string {
    const range = this.#pick(['5m', '1h*2', '(1+2)*3m', '2^3', '90', '-(-5m)+1', '1h30m', '0.5', '5m-1m*2'])
    return `${this.#pick(['a', 'foo{x="y"}'])}[${range}]${this.#pick(['', ' offset 5m', ' offset -(1h+2)', ' @ end()', ' offset (5m)*2'])}`
  }
}

const atoms = [
  'a',
  'foo{a="b",c!~"d.*"}',
  '1',
  '5m',
  '-1.5e3',
  '0x1F',
  '"s\\n"',
  '{"x.y"}',
  'b offset 5m',
  'c @ 5 offset -1h',
  'sum',
  'foo:bar',
  '{__name__=~"a.+",x!="1"}',
  'time()',
  "{'a b'='c'}",
  'NaN',
]
const operators = ['+', '-', '*', '/', '%', '^', '==', '!=', '<', '>', '<=', '>=', 'and', 'OR', 'unless', 'atan2']
const matchings = ['', '', '', 'bool ', 'on(a) ', 'ignoring(a,b) ', 'on(a) group_left ', 'ignoring(a) group_right(c) ']
const groupings = ['', ' by (a,b)', ' without (c)', ' by ()', ' without ()', ' by ("x.y")']
const calls = [
  'label_replace(_, "a", "$1", "b", "(.*)")',
  'histogram_quantile(0.9, _)',
  'clamp(_, 1, 2)',
  'round(_, 5)',
  'info(_, {a="b"})',
  'label_join(_, "a", ",", "b", "c")',
  'vector(_)',
  'scalar(_)',
]
const blanks = ['', ' ', ' ', ' ', '\n', '  ', ' # c\n', '\t']
const allTokens = [
  ...operators,
  ...atoms,
  ...['(', ')', '{', '}', '[', ']', ',', ':', '=', '=~', '!~', '@', '[5m]', '[5m:1m]', '()', '{a="b"}', '"x"', "'y'", '`z`', '"\\q"', '.'],
  ...['sum', 'topk', 'count_values', 'quantile', 'limitk', 'rate', 'abs', 'label_replace', 'time', 'info', 'round', 'unknown'],
  ...['by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'bool', 'offset', 'start', 'end', 'inf', 'NaN', '__name__'],
  ...['1', '0', '5m', '1h30m', '2.5', '1e3', '.5', '1_000', '3.', '5m3h', '1e', '08', '1hs', 'é', '$', '!', ';', '#', '\u0000', '😀'],
]
