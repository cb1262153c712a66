/** A set of code points. */
export interface CodeSet {
  has(code: number): boolean
}

/** Every code point. */
export const everyCode: CodeSet = { has: () => true }
/** Every code point but the newline. */
export const noNewline: CodeSet = { has: (code) => code !== 10 }

const ASCII_MAX = 127
const unknown = 0
const inside = 1
const outside = 2

/**
 * The set that a JavaScript class (`[a-z\p{Lu}]`, v syntax) stands for. JavaScript knows the tables of Unicode and how letters fold; it is asked
 * about one code point at a time, so nothing can run away.
 * @throws SyntaxError when the class names a property that is not known.
 */
export function classSet(source: string, ignoreCase: boolean): CodeSet {
  const expression = new RegExp(`^${source}$`, ignoreCase ? 'vi' : 'v')
  const ascii = new Uint8Array(ASCII_MAX + 1)
  const ask = (code: number) => expression.test(String.fromCodePoint(code))
  return {
    has(code) {
      if (code > ASCII_MAX) return ask(code)
      if (ascii[code] === unknown) ascii[code] = ask(code) ? inside : outside
      return ascii[code] === inside
    },
  }
}

/** Whether other code points fold to this one, so that ignoring case makes a difference. */
export function hasCase(character: string): boolean {
  return character.toLowerCase() !== character || character.toUpperCase() !== character
}
